/** What of some activations a boundary restores, from their statistics alone. */
import * as tf from '@tensorflow/tfjs-core';
import type {AnchorEmbedding, ProjectionBoundary} from '../layers/index.js';
import type {ActivationStatistics} from './activation_statistics.js';
import {energyInside, trace} from './gram_algebra.js';

/** Anchors `[ids, d]` of ids; zeros without anchors. */
export function anchorRows(
  anchors: AnchorEmbedding | null,
  ids: readonly number[],
  d: number,
): tf.Tensor2D {
  return tf.tidy(() => {
    if (anchors == null) return tf.zeros<tf.Rank.R2>([ids.length, d]);
    const rows = anchors.call(tf.tensor2d([...ids], [1, ids.length], 'int32'), {});
    return tf.reshape(rows, [ids.length, d]) as tf.Tensor2D;
  });
}

/** `1 − Σ‖x − x̂‖²/Σ‖x‖²`, with `x − x̂ = (I − AAᵀ) x − c` and `c = a_r − AAᵀ a_s` of each token. */
export async function restoredShare(
  {width: d, gram, sums}: ActivationStatistics,
  {senderAnchors, receiverAnchors, rank}: ProjectionBoundary,
  projector: Float32Array,
): Promise<number> {
  const terms = tf.tidy(() => {
    const {ids} = sums;
    const a = tf.tensor2d(projector, [d, rank]);
    const inside = (rows: tf.Tensor2D) => tf.matMul(tf.matMul(rows, a), a, false, true);
    const c = tf.sub(
      anchorRows(receiverAnchors, ids, d),
      inside(anchorRows(senderAnchors, ids, d)),
    );
    const total = sums.sumsOf(ids);
    const counts = tf.tensor2d(
      ids.map((id) => sums.count(id)),
      [ids.length, 1],
    );
    const cross = tf.sum(tf.mul(tf.sub(total, inside(total)), c));
    return [cross, tf.sum(tf.mul(counts, tf.square(c)))];
  });
  const [[cross], [square]] = await Promise.all(terms.map((term) => term.data()));
  tf.dispose(terms);
  const whole = trace(gram, d);
  return 1 - (whole - energyInside(gram, projector, d, rank) - 2 * cross + square) / whole;
}
