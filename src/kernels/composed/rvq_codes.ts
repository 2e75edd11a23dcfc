/** The codes that indices stand for. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Ids of the rows that one round's indices choose in that round's codebooks, flattened to `[G·K, w]`. An index that is no code,
 * which nobody has looked at on a GPU, gets −1 and not a row of the next group.
 *
 * @param indices int32 `[n, G]`.
 * @param codes K.
 * @returns int32 `[n·G]`.
 */
export function codeRows(indices: tf.Tensor, codes: number): tf.Tensor1D {
  const groups = indices.shape[1]!;
  const starts = tf.range(0, groups * codes, codes, 'int32');
  const known = tf.logicalAnd(tf.greaterEqual(indices, 0), tf.less(indices, codes));
  return tf.reshape(tf.where(known, tf.add(indices, starts), tf.scalar(-1, 'int32')), [-1]);
}

/** The codes that one round chooses: indices int32 `[n, G]`, codebooks of the round `[G, K, w]` → `[n, G·w]`. */
export function chosenCodes(indices: tf.Tensor, codebooks: tf.Tensor): tf.Tensor2D {
  const [groups, codes, width] = codebooks.shape as number[];
  const rows = tf.reshape(codebooks, [groups * codes, width]);
  return tf.reshape(tf.gather(rows, codeRows(indices, codes)), [-1, groups * width]);
}

/** The codebooks of one round, `[G, K, w]`, of `[R, G, K, w]`. */
export function roundOf(codebooks: tf.Tensor, round: number): tf.Tensor3D {
  const [, ...shape] = codebooks.shape as [number, number, number, number];
  return tf.reshape(tf.slice(codebooks, [round, 0, 0, 0], [1, ...shape]), shape);
}
