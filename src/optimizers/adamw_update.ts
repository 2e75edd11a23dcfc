/** The arithmetic of AdamW, apart from where its state lives. */
import * as tf from '@tensorflow/tfjs-core';

/** Scalars of one AdamW step, worked out in float64. */
export interface AdamWScalars {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Updates including this one: 1 at the first. */
  t: number;
}

/**
 * One step of AdamW on one tensor, as `torch.optim.AdamW`:
 *
 *     m ← m + (1 − β₁)(g − m)            v ← β₂ v + (1 − β₂) g²
 *     w ← w (1 − lr·decay) − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *
 * With `s = √(1 − β₂ᵗ)` the quotient is written `s·m / (√v + s ε)`, which saves one pass over memory.
 * @returns The new value, first and second moment.
 */
export function adamWUpdate(
  value: tf.Tensor,
  gradient: tf.Tensor,
  first: tf.Tensor,
  second: tf.Tensor,
  {learningRate, beta1, beta2, epsilon, weightDecay, t}: AdamWScalars,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const correction = Math.sqrt(1 - beta2 ** t);
  const stepSize = (learningRate * correction) / (1 - beta1 ** t);
  const m = tf.add(first, tf.mul(tf.sub(gradient, first), 1 - beta1));
  const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const quotient = tf.div(m, tf.add(tf.sqrt(v), epsilon * correction));
  const decay = learningRate * weightDecay;
  const decayed = decay === 0 ? value : tf.mul(value, 1 - decay);
  return [tf.sub(decayed, tf.mul(quotient, stepSize)), m, v];
}
