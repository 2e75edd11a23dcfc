/** Distances between what was and what arrived. */
import * as tf from '@tensorflow/tfjs-core';

/** ‖a − b‖² and ‖a‖². */
async function squares(a: tf.Tensor, b: tf.Tensor, what: string): Promise<[number, number]> {
  if (!tf.util.arraysEqual(a.shape, b.shape)) {
    throw new Error(`${what} have shapes [${a.shape}] and [${b.shape}], expected the same.`);
  }
  const sums = tf.tidy(() => [tf.sum(tf.squaredDifference(a, b)), tf.sum(tf.square(a))]);
  const [[difference], [whole]] = await Promise.all(sums.map((sum) => sum.data()));
  tf.dispose(sums);
  return [difference, whole];
}

/**
 * ‖z − ẑ‖²/‖z‖²: the share of the energy that a quantiser loses.
 *
 * @param z float32, any shape.
 * @param reconstruction What the other end makes of it, the same shape.
 * @returns 0 or more; 0 where both are all zeros.
 */
export async function quantisationError(z: tf.Tensor, reconstruction: tf.Tensor): Promise<number> {
  const [difference, whole] = await squares(z, reconstruction, 'quantisationError: the tensors');
  return difference === 0 ? 0 : difference / whole;
}

/**
 * ‖live − wire‖/‖live‖: how far the codebook that both ends use lags behind the one the sender learns (method section 7).
 *
 * @param live The sender's codebooks `[R, G, K, r/G]`.
 * @param wire The copy that both ends have, the same shape.
 */
export async function codebookStaleness(live: tf.Tensor, wire: tf.Tensor): Promise<number> {
  const [difference, whole] = await squares(live, wire, 'codebookStaleness: the codebooks');
  return difference === 0 ? 0 : Math.sqrt(difference / whole);
}
