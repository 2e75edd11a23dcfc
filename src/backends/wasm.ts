/** The `wasm` backend: XNNPACK in WebAssembly, in browsers and in Node. */
import * as tf from '@tensorflow/tfjs-core';
import type {Backend} from './backend.js';
import {use} from './cpu.js';

export const wasm: Backend = {
  name: 'wasm',
  async up() {
    if (tf.findBackendFactory('wasm') == null) {
      await import('@tensorflow/tfjs-backend-wasm');
    }
    await use('wasm');
    const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? ', SIMD' : '';
    return {name: 'wasm', device: 'cpu', description: `WebAssembly${simd}`};
  },
};
