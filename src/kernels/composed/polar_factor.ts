/** Composed reference of `PolarFactor`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {PolarFactor} from '../kernel_names.js';
import {
  asTall,
  polarCoefficients,
  polarGuard,
  polarScale,
  type PolarSteps,
} from './polar_express.js';

/**
 * `Y(YᵀY)^{-1/2}` by `X ← X(a + b XᵀX + c (XᵀX)²)`, in float32 throughout: method.md section 6 measured what bfloat16
 * costs. Singular values far below the largest grow by a factor of about 2 to 8 a step; those that are zero stay zero.
 */
registerComposed(PolarFactor, ({y}, attrs) => {
  const isWide = y.shape[1]! < y.shape[2]!;
  const given = asTall(y);
  const tall: tf.Tensor3D = tf.mul(given, polarGuard(given));
  let x = tf.mul(tall, polarScale(tall));
  for (const [a, b, c] of polarCoefficients(attrs as unknown as PolarSteps)) {
    const next = tf.tidy(() => {
      const gram = tf.matMul(x, x, true, false);
      const polynomial = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c));
      return tf.add(tf.mul(x, a), tf.matMul(x, polynomial));
    });
    x.dispose();
    x = next;
  }
  return isWide ? tf.transpose(x, [0, 2, 1]) : x;
});
