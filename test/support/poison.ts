/** Garbage in the memory that a kernel's outputs will get. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Fills buffers of these shapes with NaN and frees them, so that a backend which keeps freed buffers hands them out next: a
 * kernel that leaves a part of its output unwritten then shows it.
 */
export async function poison(shapes: number[][]): Promise<void> {
  const filled = shapes.flatMap((shape) => [0, 1].map(() => tf.fill(shape, NaN)));
  // Reading the sums has webgpu submit its queue: what is disposed after that is free at once.
  const sums = filled.map((tensor) => tf.sum(tensor));
  await Promise.all(sums.map((sum) => sum.data()));
  tf.dispose([filled, sums]);
}
