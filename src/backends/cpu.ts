/** The `cpu` backend of tfjs: plain JavaScript, everywhere, slow. */
import * as tf from '@tensorflow/tfjs-core';
import {use, type Backend} from './backend.js';

export const cpu: Backend = {
  name: 'cpu',
  probe: async () => 'cpu',
  async up() {
    if (tf.findBackendFactory('cpu') == null) {
      await import('@tensorflow/tfjs-backend-cpu');
    }
    await use('cpu');
    // Otherwise tfjs advertises tfjs-node on the console, also where it was passed over on purpose.
    (tf.backend() as unknown as {firstUse: boolean}).firstUse = false;
    return {name: 'cpu', device: 'cpu', description: 'plain JavaScript'};
  },
};
