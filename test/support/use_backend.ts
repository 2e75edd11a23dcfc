/** Brings up the backend that a suite runs on. */
import * as tf from '@tensorflow/tfjs-core';

export async function useBackend(name: string): Promise<void> {
  switch (name) {
    case 'cpu':
      await import('@tensorflow/tfjs-backend-cpu');
      break;
    case 'wasm':
      await import('@tensorflow/tfjs-backend-wasm');
      break;
    default:
      throw new Error(`useBackend('${name}'): not wired yet`);
  }
  if (!(await tf.setBackend(name))) {
    throw new Error(`backend '${name}' could not be brought up`);
  }
  await tf.ready();
}
