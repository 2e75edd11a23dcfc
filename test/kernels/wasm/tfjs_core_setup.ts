/** Part of the bundle that `run_tfjs_core.ts` makes: the environment in which tfjs-core's own specs run. */
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {setTestEnvs} from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import {registerWasmKernels} from '../../../src/kernels/wasm/index.js';

setWasmPaths(process.env.WASM_FILES!);
if (process.env.WASM_KERNELS !== 'theirs') {
  registerWasmKernels();
}
setTestEnvs([{name: 'wasm', backendName: 'wasm', isDataSync: true}]);
