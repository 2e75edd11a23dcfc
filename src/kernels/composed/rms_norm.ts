/** Composed references of `RmsNorm` and `RmsNormGrad`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {RmsNorm, RmsNormGrad} from '../kernel_names.js';

function inverseRms(x: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
}

registerComposed(RmsNorm, ({x, weight}, attrs) =>
  tf.mul(tf.mul(x, inverseRms(x, attrs.epsilon as number)), weight),
);

/** With `x̂ = x/rms`, `g = dy · weight`: `dx = (g − x̂ mean(g x̂))/rms`, `dweight = Σ dy x̂`. */
registerComposed(RmsNormGrad, ({x, weight, dy}, attrs) => {
  const inverse = inverseRms(x, attrs.epsilon as number);
  const normed = tf.mul(x, inverse);
  const g = tf.mul(dy, weight);
  const along = tf.mean(tf.mul(g, normed), -1, true);
  const dx = tf.mul(tf.sub(g, tf.mul(normed, along)), inverse);
  return [dx, tf.sum(tf.mul(dy, normed), 0)];
});
