/** Distances between what was and what arrived. */
import * as tf from '@tensorflow/tfjs-core';
import {checkTensor} from '../ops/check_values.js';

/** ‖a − b‖² and ‖a‖² of two tensors by name. */
async function squares(
  where: string,
  tensors: Record<string, tf.Tensor>,
): Promise<[number, number]> {
  const [a, b] = Object.entries(tensors).map(([name, x]) => checkTensor(where, name, x));
  if (!tf.util.arraysEqual(a.shape, b.shape)) {
    const names = Object.keys(tensors).join(' and ');
    throw new Error(
      `${where}: ${names} have shapes [${a.shape}] and [${b.shape}], expected the same.`,
    );
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
 * @returns 0 or more; 0 where both are all zeros, Infinity where only `z` is.
 */
export async function quantisationError(z: tf.Tensor, reconstruction: tf.Tensor): Promise<number> {
  const [difference, whole] = await squares('quantisationError', {z, reconstruction});
  return difference === 0 ? 0 : difference / whole;
}

/**
 * ‖live − wire‖/‖live‖: how far the codebook that both ends use lags behind the one the sender learns (method section 7).
 *
 * @param live The sender's codebooks `[R, G, K, r/G]`.
 * @param wire The copy that both ends have, the same shape.
 */
export async function codebookStaleness(live: tf.Tensor, wire: tf.Tensor): Promise<number> {
  const [difference, whole] = await squares('codebookStaleness', {live, wire});
  return difference === 0 ? 0 : Math.sqrt(difference / whole);
}
