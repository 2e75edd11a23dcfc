/** Retraction for steps that stay close to the Stiefel manifold, where no norm need be taken. */
import * as tf from '@tensorflow/tfjs-core';
import {polarFactor} from '../ops/polar_factor.js';

/** Singular values this close to 1 are as good as float32 gives. */
const TOLERANCE = 2e-7;

/** Beyond this step the iteration would start too far from 1 to be worth it (it diverges at 0.53). */
const LARGEST_STEP = 0.4;

/**
 * Steps of `x ↦ (15 x − 10 x³ + 3 x⁵)/8` that bring all of `[1 − alpha, 1 + alpha]` to 1, or undefined where `alpha` is too large.
 * The map rises monotonically, so that following the two ends of the interval bounds everything between.
 */
export function newtonSchulzSteps(alpha: number): number | undefined {
  if (alpha > LARGEST_STEP) {
    return undefined;
  }
  const quintic = (x: number) => (x * (15 + x * x * (-10 + 3 * x * x))) / 8;
  let [low, high] = [1 - alpha, 1 + alpha];
  let steps = 0;
  while (Math.max(1 - low, high - 1) > TOLERANCE) {
    [low, high] = [quintic(low), quintic(high)];
    steps++;
  }
  return Math.max(1, steps);
}

/**
 * The polar factor of `y [d, r] = A − alpha·D`, with `A` on the Stiefel manifold and no singular value of `D` above 1 (up to
 * rounding), so that those of `y` lie in `[1 − alpha, 1 + alpha]`.
 *
 * Newton–Schulz without normalisation (method.md section 6: ours, measured there), as `y + y (E/2 + 3E²/8)` with `E = I − yᵀy`: the small
 * correction is what carries rounding error, not `y`. One step is enough up to `alpha = 0.004`. The number of steps depends on
 * `alpha` alone, never on values read back, so that runs are reproducible.
 */
export function polarFactorNear(y: tf.Tensor2D, alpha: number): tf.Tensor2D {
  const steps = newtonSchulzSteps(alpha);
  if (steps == null) {
    return polarFactor(y) as tf.Tensor2D;
  }
  return tf.tidy(() => {
    const eye = tf.eye(y.shape[1]);
    let x = y;
    for (let step = 0; step < steps; step++) {
      const error = tf.sub(eye, tf.matMul(x, x, true, false));
      const series = tf.add(tf.mul(error, 0.5), tf.mul(tf.matMul(error, error), 0.375));
      x = tf.add(x, tf.matMul(x, series as tf.Tensor2D));
    }
    return x;
  });
}
