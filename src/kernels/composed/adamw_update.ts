/** Composed reference of `AdamWUpdate`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {AdamWUpdate, type AdamWUpdateAttrs} from '../kernel_names.js';

/** What the arithmetic of AdamW needs of its settings, in float64. */
export interface AdamWFactors {
  /** `1 − β₁`. */
  newFirst: number;
  /** `β₂`. */
  keepSecond: number;
  /** `1 − β₂`. */
  newSecond: number;
  /** `ε √(1 − β₂ᵗ)`. */
  epsilon: number;
  /** `lr √(1 − β₂ᵗ) / (1 − β₁ᵗ)`. */
  stepSize: number;
  /** `1 − lr · decay`. */
  keepValue: number;
}

/** The factors of one step. */
export function adamWFactors(attrs: AdamWUpdateAttrs): AdamWFactors {
  const {learningRate, beta1, beta2, epsilon, weightDecay, t} = attrs;
  const correction = Math.sqrt(1 - beta2 ** t);
  return {
    newFirst: 1 - beta1,
    keepSecond: beta2,
    newSecond: 1 - beta2,
    epsilon: epsilon * correction,
    stepSize: (learningRate * correction) / (1 - beta1 ** t),
    keepValue: 1 - learningRate * weightDecay,
  };
}

registerComposed(AdamWUpdate, ({value, gradient, first, second}, attrs) => {
  const factors = adamWFactors(attrs as unknown as AdamWUpdateAttrs);
  const m = tf.add(first, tf.mul(tf.sub(gradient, first), factors.newFirst));
  const v = tf.add(
    tf.mul(second, factors.keepSecond),
    tf.mul(tf.square(gradient), factors.newSecond),
  );
  const quotient = tf.div(m, tf.add(tf.sqrt(v), factors.epsilon));
  const decayed = factors.keepValue === 1 ? value : tf.mul(value, factors.keepValue);
  return [tf.sub(decayed, tf.mul(quotient, factors.stepSize)), m, v];
});
