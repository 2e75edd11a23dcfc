/** Retractions of the Stiefel manifold, chosen by name. All take `x [..., d, r]` and a tangent `u` of that shape. */
import * as tf from '@tensorflow/tfjs-core';
import {polarFactor} from '../ops/polar_factor.js';

export type Retraction = (x: tf.Tensor, u: tf.Tensor) => tf.Tensor;

/** Newton steps of `inverse`: enough for tangents of spectral norm up to about 30, where float32 gives out anyway. */
const INVERSE_STEPS = 24;

/** `polar(x + u)`, the nearest point to `x + u`. Second order. One `PolarFactor` kernel. */
export function polarRetraction(x: tf.Tensor, u: tf.Tensor): tf.Tensor {
  return tf.tidy(() => polarFactor(tf.add(x, u)));
}

/**
 * The Q of the QR factorisation of `x + u` whose R has a positive diagonal, as geoopt has it. First order.
 *
 * Gram–Schmidt, each column twice: `(x + u)ᵀ(x + u) = I + uᵀu` is well conditioned for a tangent `u`, so this is as good as
 * Householder, has the positive diagonal by itself, and takes batches (tfjs's `linalg.qr` of a batch of tall matrices
 * fails). Some ten ops a column: for checks and small matrices, not for a training step.
 */
export function qrRetraction(x: tf.Tensor, u: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const y = tf.add(x, u);
    let q: tf.Tensor | undefined;
    for (const column of tf.split(y, y.shape[y.shape.length - 1]!, -1)) {
      let v: tf.Tensor = column;
      for (let pass = 0; q != null && pass < 2; pass++) {
        v = tf.sub(v, tf.matMul(q, tf.matMul(q, v, true, false)));
      }
      v = tf.div(v, tf.sqrt(tf.sum(tf.square(v), -2, true)));
      q = q == null ? v : tf.concat([q, v], -1);
    }
    return q!;
  });
}

/**
 * The Cayley transform `(I − W/2)⁻¹ (I + W/2) x` of the skew `W = Pu xᵀ − x (Pu)ᵀ`, `P = I − x xᵀ/2` (Wen and Yin 2013). Second order.
 *
 * By block elimination of their 2r × 2r system only an r × r inverse is left: with `Ω = xᵀu`, `h = u − xΩ/2`, `C = I − Ω/4`,
 * `p = (C² + hᵀh/4)⁻¹` the result is `x (2Cp − I) + h p`. The symmetric part of the inverted matrix is at least I, so
 * that the inverse always exists and is well conditioned.
 */
export function cayleyRetraction(x: tf.Tensor, u: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const eye = tf.eye(x.shape[x.shape.length - 1]!);
    const omega = tf.matMul(x, u, true, false);
    const h = tf.sub(u, tf.matMul(x, tf.mul(omega, 0.5)));
    const c = tf.sub(eye, tf.mul(omega, 0.25));
    const system = tf.add(tf.matMul(c, c), tf.mul(tf.matMul(h, h, true, false), 0.25));
    const p = inverse(system, eye);
    const along = tf.sub(tf.mul(tf.matMul(c, p), 2), eye);
    return tf.add(tf.matMul(x, along), tf.matMul(h, p));
  });
}

/** Inverse by Newton's iteration `z ← z (2I − s z)` from `sᵀ / (‖s‖₁ ‖s‖∞)`, a start that always converges. */
function inverse(s: tf.Tensor, eye: tf.Tensor): tf.Tensor {
  const magnitude = tf.abs(s);
  const columnSum = tf.max(tf.sum(magnitude, -2, true), -1, true);
  const rowSum = tf.max(tf.sum(magnitude, -1, true), -2, true);
  const axes = s.shape.map((_, axis) => axis);
  const last = axes.length - 1;
  const transposed = tf.transpose(s, [...axes.slice(0, -2), last, last - 1]);
  let z: tf.Tensor = tf.div(transposed, tf.mul(columnSum, rowSum));
  const two = tf.mul(eye, 2);
  for (let step = 0; step < INVERSE_STEPS; step++) {
    z = tf.matMul(z, tf.sub(two, tf.matMul(s, z)));
  }
  return z;
}

/** Retractions by name. */
export const retractions: Readonly<Record<string, Retraction>> = {
  polar: polarRetraction,
  qr: qrRetraction,
  cayley: cayleyRetraction,
};
