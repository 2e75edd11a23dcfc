/** One update of codebooks by exponential moving averages. */
import * as tf from '@tensorflow/tfjs-core';

/** What a codebook of `K` codes is made of; a leading `…` stands for rounds and groups. */
export interface CodebookAverages {
  /** Codes `c`, `[…, K, w]`. */
  codebooks: tf.Tensor;
  /** Average counts `n`, `[…, K]`. */
  counts: tf.Tensor;
  /** Average sums `s`, `[…, K, w]`. */
  sums: tf.Tensor;
}

/** Settings of {@link emaUpdate}. */
export interface EmaSettings {
  decay: number;
  epsilon: number;
  deadCodeThreshold: number;
}

/**
 * The averages after a step:
 *
 *     n ← λ n + (1 − λ) n'     s ← λ s + (1 − λ) s'     ñ = (n + ε) / (Σn + K ε) · Σn     c = s / ñ
 *
 * (published: EnCodec, vector-quantize-pytorch). Codes that are dead, `n` below the threshold, expire before the update, as in
 * EnCodec, and take no part in it: they become `replacements`, with the threshold as count and a sum to match (reset as in
 * vector-quantize-pytorch), so that they have a step to be chosen before they are looked at again (ours). A codebook that
 * nothing chose from, because rounds were dropped, stays as it is, its dead codes too (ours).
 *
 * @param step Counts `n'` and sums `s'` of the step: over all its microbatches.
 * @param replacements `[…, K, w]`, vectors of the batch; null where none may be replaced.
 */
export function emaUpdate(
  before: CodebookAverages,
  step: Pick<CodebookAverages, 'counts' | 'sums'>,
  replacements: tf.Tensor | null,
  {decay, epsilon, deadCodeThreshold}: EmaSettings,
): CodebookAverages {
  return tf.tidy(() => {
    const codes = before.counts.shape[before.counts.rank - 1];
    const used = tf.greater(tf.sum(step.counts, -1, true), 0);
    const average = (old: tf.Tensor, now: tf.Tensor) =>
      tf.add(tf.mul(old, decay), tf.mul(now, 1 - decay));
    let counts = tf.where(used, average(before.counts, step.counts), before.counts);
    const usedRows = tf.expandDims(used, -1);
    let sums = tf.where(usedRows, average(before.sums, step.sums), before.sums);
    const isDead = tf.logicalAnd(tf.less(before.counts, deadCodeThreshold), used);
    if (replacements != null) {
      counts = tf.where(isDead, tf.fill(counts.shape, deadCodeThreshold), counts);
      sums = tf.where(tf.expandDims(isDead, -1), tf.mul(replacements, deadCodeThreshold), sums);
    }
    const total = tf.sum(counts, -1, true);
    const smooth = tf.mul(tf.div(tf.add(counts, epsilon), tf.add(total, codes * epsilon)), total);
    // A count of 0 without smoothing: a code that was never chosen stays where it is.
    const nonzero = tf.expandDims(tf.greater(smooth, 0), -1);
    const divisor = tf.expandDims(tf.where(tf.greater(smooth, 0), smooth, tf.onesLike(smooth)), -1);
    const moves = tf.logicalAnd(usedRows, nonzero);
    let codebooks = tf.where(moves, tf.div(sums, divisor), before.codebooks);
    if (replacements != null) {
      codebooks = tf.where(tf.expandDims(isDead, -1), replacements, codebooks);
    }
    return {codebooks, counts, sums};
  });
}
