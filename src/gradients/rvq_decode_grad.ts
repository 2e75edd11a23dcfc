/** Gradient of `RvqDecode`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import {codeRows} from '../kernels/composed/rvq_codes.js';
import '../kernels/composed/scatter_rows.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RvqDecode, ScatterRows} from '../kernels/kernel_names.js';

/** Each code gets the sum of the gradients of the rows that chose it (chain rule); indices have none. */
export const rvqDecodeGradConfig: tf.GradConfig = {
  kernelName: RvqDecode,
  inputsToSave: ['indices', 'codebooks'],
  gradFunc: (dy, [indices, codebooks]) => ({
    indices: () => tf.zeros(indices.shape),
    codebooks: () => {
      const [rounds, groups, codes, width] = codebooks.shape as [number, number, number, number];
      const count = indices.shape[1]!;
      const rows = tf.reshape(dy as tf.Tensor, [count * groups, width]);
      const sums = Array.from({length: rounds}, (_, round) => {
        const own = tf.slice(indices, [round, 0, 0], [1, count, groups]);
        const ids = codeRows(tf.reshape(own, [count, groups]), codes);
        const numSegments = groups * codes;
        return runKernel<tf.Tensor>(ScatterRows, {rows, ids}, {numSegments});
      });
      return tf.reshape(tf.stack(sums), codebooks.shape);
    },
  }),
};

tf.registerGradient(rvqDecodeGradConfig);
