/** The `wasm` backend: XNNPACK in WebAssembly, in browsers and in Node. One thread in Node, as tfjs has it. */
import * as tf from '@tensorflow/tfjs-core';
import {registerWasmKernels} from '../kernels/wasm/index.js';
import {use, type Backend} from './backend.js';

let paths: string | undefined;

/**
 * Where the `.wasm` files of `@tensorflow/tfjs-backend-wasm` are served, for browsers. Node finds them by itself.
 *
 * @param prefix URL that ends in a slash
 */
export function setWasmFiles(prefix: string): void {
  paths = prefix;
}

export const wasm: Backend = {
  name: 'wasm',
  probe: async () => {
    if (typeof WebAssembly === 'undefined') throw new Error('There is no WebAssembly here.');
    return 'cpu';
  },
  async up() {
    if (tf.findBackendFactory('wasm') == null) {
      const {setWasmPaths} = await import('@tensorflow/tfjs-backend-wasm');
      if (paths != null) setWasmPaths(paths);
    }
    registerWasmKernels();
    await use('wasm');
    const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? ', SIMD' : '';
    const threads = (await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT')) ? ', threads' : '';
    return {name: 'wasm', device: 'cpu', description: `WebAssembly${simd}${threads}`};
  },
};
