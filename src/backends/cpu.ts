/** The `cpu` backend of tfjs: plain JavaScript, everywhere, slow. */
import * as tf from '@tensorflow/tfjs-core';
import type {Backend} from './backend.js';

export const cpu: Backend = {
  name: 'cpu',
  async up() {
    if (tf.findBackendFactory('cpu') == null) {
      await import('@tensorflow/tfjs-backend-cpu');
    }
    await use('cpu');
    return {name: 'cpu', device: 'cpu', description: 'plain JavaScript'};
  },
};

/**
 * Makes a registered backend the current one.
 *
 * @throws Error if it cannot be initialised
 */
export async function use(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) {
    throw new Error(`The backend '${name}' of TensorFlow.js could not be initialised here.`);
  }
  await tf.ready();
}
