/** The `webgl` backend, where the page has loaded it: it comes with `@tensorflow/tfjs`. */
import * as tf from '@tensorflow/tfjs-core';
import {use, type Backend} from './backend.js';

export const webgl: Backend = {
  name: 'webgl',
  async probe() {
    if (tf.findBackendFactory('webgl') == null) {
      throw new Error("It is not loaded. In a browser: import '@tensorflow/tfjs-backend-webgl'.");
    }
    return 'gpu';
  },
  async up() {
    await use('webgl');
    return {name: 'webgl', device: 'gpu', description: 'WebGL'};
  },
};
