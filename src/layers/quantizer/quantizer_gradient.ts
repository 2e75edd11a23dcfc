/** Gradients that pass a quantiser, whose own is zero. */
import * as tf from '@tensorflow/tfjs-core';
import type {QuantizerGradient} from './quantizer_settings.js';

/** Below this norm, and for opposite directions, a rotation is not defined in float32: such rows pass straight through. */
const SMALLEST = 1e-12;

/**
 * Gradient of the rotation trick (published: Fifty et al., as in vector-quantize-pytorch; method.md section 7). With
 * `u = z/‖z‖`, `q = ẑ/‖ẑ‖`, `w = (u + q)/‖u + q‖` held constant, `ẑ = (z − 2(z·w)w + 2(z·u)q)·‖ẑ‖/‖z‖`, so
 *
 *     dz = ‖ẑ‖/‖z‖ · (dẑ − 2(dẑ·w)w + 2(dẑ·q)u)
 *
 * @param dy `dẑ`, `z`, `zhat`: `[n, r]`, a vector a row.
 */
function rotated(dy: tf.Tensor, z: tf.Tensor, zhat: tf.Tensor): tf.Tensor {
  const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b), -1, true);
  // By the largest entry first: the squares of small gradients would leave the range of float32.
  const largest = (x: tf.Tensor) => tf.max(tf.abs(x), -1, true);
  const safe = (x: tf.Tensor) => tf.where(tf.greater(x, 0), x, tf.onesLike(x));
  const direction = (x: tf.Tensor) => {
    const scale = safe(largest(x));
    const scaled = tf.div(x, scale);
    const norm = tf.sqrt(dot(scaled, scaled));
    return {unit: tf.div(scaled, safe(norm)), norm, scale};
  };
  const from = direction(z);
  const to = direction(zhat);
  const between = tf.add(from.unit, to.unit);
  const length = tf.sqrt(dot(between, between));
  const w = tf.div(between, safe(length));
  const scale = tf.mul(tf.div(to.norm, safe(from.norm)), tf.div(to.scale, from.scale));
  const reflected = tf.sub(dy, tf.mul(w, tf.mul(dot(dy, w), 2)));
  const turned = tf.add(reflected, tf.mul(from.unit, tf.mul(dot(dy, to.unit), 2)));
  const defined = tf.logicalAnd(
    tf.greater(tf.mul(from.norm, to.norm), SMALLEST),
    tf.greater(length, 1e-4),
  );
  return tf.where(defined, tf.mul(turned, scale), dy);
}

/**
 * Gradient of `z` from that of `ẑ`, all of one shape `[..., r]`.
 *
 * @param commitment Weight of `mean((z − ẑ)²)` with `ẑ` held constant, whose gradient is added; 0 for none.
 */
export function quantizerGradient(
  dy: tf.Tensor,
  z: tf.Tensor,
  zhat: tf.Tensor,
  gradient: QuantizerGradient,
  commitment: number,
): tf.Tensor {
  return tf.tidy(() => {
    const dz = gradient === 'rotation' ? rotated(dy, z, zhat) : dy.clone();
    if (commitment === 0) {
      return dz;
    }
    return tf.add(dz, tf.mul(tf.sub(z, zhat), (2 * commitment) / z.size));
  });
}
