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

/** Rows above which a column is summed in parts. */
const LONG = 4096;
const PARTS = 256;

/**
 * Sums of the columns of `x [n,d]`, long ones in parts that are summed then: one after the other, 65,536 float32 numbers lose
 * more than a digit.
 */
function columnSums(x: tf.Tensor2D): tf.Tensor1D {
  const [rows, width] = x.shape;
  if (rows <= LONG) return tf.sum(x, 0);
  const each = Math.ceil(rows / PARTS);
  const padded = tf.pad(x, [
    [0, PARTS * each - rows],
    [0, 0],
  ]);
  return tf.sum(tf.sum(tf.reshape(padded, [PARTS, each, width]), 1), 0);
}

/** With `x̂ = x/rms`, `g = dy · weight`: `dx = (g − x̂ mean(g x̂))/rms`, `dweight = Σ dy x̂`. */
registerComposed(RmsNormGrad, ({x, weight, dy}, attrs) => {
  const inverse = inverseRms(x, attrs.epsilon as number);
  const normed = tf.mul(x, inverse);
  const g = tf.mul(dy, weight);
  const along = tf.mean(tf.mul(g, normed), -1, true);
  const dx = tf.mul(tf.sub(g, tf.mul(normed, along)), inverse);
  return [dx, columnSums(tf.mul(dy, normed) as tf.Tensor2D)];
});
