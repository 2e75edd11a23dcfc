import * as tf from '@tensorflow/tfjs-core';

/**
 * Leaves buffers full of NaN behind, which tfjs-webgpu hands out again as outputs of the same sizes: an output of which a
 * part is not written then shows.
 */
export async function poison(shapes: number[][]): Promise<void> {
  const filled = shapes.flatMap((shape) => [tf.fill(shape, NaN), tf.fill(shape, NaN)]);
  for (const tensor of filled) await tensor.data();
  tf.dispose(filled);
  // Fresh tensors of these sizes are NaN now on webgpu, on other backends it does not matter.
}
