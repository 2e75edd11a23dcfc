/** Composed reference of `PolarFactorGrad`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {PolarFactorGrad} from '../kernel_names.js';
import {
  asTall,
  polarCoefficients,
  polarGuard,
  polarScale,
  type PolarSteps,
} from './polar_express.js';

/** `g − u sym(uᵀg)`: what is left of `g` without the directions in which the polar factor does not move. */
function withoutStretch(g: tf.Tensor, u: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const product = tf.matMul(u, g, true, false);
    const symmetric = tf.mul(tf.add(product, tf.transpose(product, [0, 2, 1])), 0.5);
    return tf.sub(g, tf.matMul(u, symmetric));
  });
}

/**
 * The adjoint of the polar map at `Y = U H`, applied to `G`: `U L⁻¹(UᵀG − GᵀU) + (I − UUᵀ) G H⁻¹` with
 * `L(K) = K H + H K`. That operator is its own adjoint, so the adjoint is the derivative *along* `G`, and it comes out of
 * the same iteration run on dual numbers `X + ε D`: no Sylvester solve, no tape, three times the products of the forward
 * pass. Derivation ours. The scale is a constant here because the polar factor does not depend on it.
 *
 * Directions `U S` with symmetric `S` are taken out of `G` beforehand: they contribute nothing, but the first steps would
 * stretch them a thousandfold before the last ones bring them to zero, and float32 would keep traces of that.
 */
registerComposed(PolarFactorGrad, ({y, u, dy}, attrs) => {
  const isWide = y.shape[1]! < y.shape[2]!;
  const given = asTall(y);
  const guard = polarGuard(given);
  const tall: tf.Tensor3D = tf.mul(given, guard);
  const factor = asTall(u);
  const scale = polarScale(tall);
  let x = tf.mul(tall, scale);
  let d = tf.mul(withoutStretch(asTall(dy), factor), scale);
  for (const [a, b, c] of polarCoefficients(attrs as unknown as PolarSteps)) {
    const [nextX, nextD] = tf.tidy(() => {
      const gram = tf.matMul(x, x, true, false);
      const half = tf.matMul(x, d, true, false);
      const dGram = tf.add(half, tf.transpose(half, [0, 2, 1]));
      const product = tf.matMul(gram, dGram);
      const dSquare = tf.add(product, tf.transpose(product, [0, 2, 1]));
      const polynomial = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c));
      const dPolynomial = tf.add(tf.mul(dGram, b), tf.mul(dSquare, c));
      return [
        tf.add(tf.mul(x, a), tf.matMul(x, polynomial)),
        tf.add(tf.mul(d, a), tf.add(tf.matMul(d, polynomial), tf.matMul(x, dPolynomial))),
      ];
    });
    tf.dispose([x, d]);
    x = nextX;
    d = nextD;
  }
  d = tf.mul(withoutStretch(d, factor), guard);
  return isWide ? tf.transpose(d, [0, 2, 1]) : d;
});
