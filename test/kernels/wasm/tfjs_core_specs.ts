/** Part of the bundle that `run_tfjs_core.ts` makes: the specs of tfjs-core for the kernels that we replace. */
import './tfjs_core_setup.js';
import '@tensorflow/tfjs-core/dist/ops/mat_mul_test.js';
import '@tensorflow/tfjs-core/dist/ops/fused/fused_mat_mul_test.js';
import '@tensorflow/tfjs-core/dist/ops/gather_test.js';
import '@tensorflow/tfjs-core/dist/ops/unsorted_segment_sum_test.js';
