/** What the polar factor and its gradient share: coefficients, scaling, orientation. */
import * as tf from '@tensorflow/tfjs-core';

/** One quintic step `x ↦ a x + b x³ + c x⁵` on the singular values. */
export type QuinticCoefficients = readonly [a: number, b: number, c: number];

/** Published (Polar Express, arXiv 2505.16932, degree 5); the last entry is repeated beyond the eighth step. */
const POLAR_EXPRESS: readonly QuinticCoefficients[] = [
  [8.28721201814563, -23.595886519098837, 17.300387312530933],
  [4.107059111542203, -2.9478499167379106, 0.5448431082926601],
  [3.9486908534822946, -2.908902115962949, 0.5518191394370137],
  [3.3184196573706015, -2.488488024314874, 0.51004894012372],
  [2.300652019954817, -1.6689039845747493, 0.4188073119525673],
  [1.891301407787398, -1.2679958271945868, 0.37680408948524835],
  [1.8750014808534479, -1.2500016453999487, 0.3750001645474248],
  [1.875, -1.25, 0.375],
];

/** The margin by which the published method divides the input's norm and all coefficients but the last. */
export const POLAR_SAFETY = 1.01;

/** The classical quintic step, `(15 x − 10 x³ + 3 x⁵) / 8`: its error at 1 is cubic. */
const FINISHING: QuinticCoefficients = [1.875, -1.25, 0.375];

/** Number of steps of each kind; attributes of `PolarFactor` and `PolarFactorGrad`. */
export interface PolarSteps {
  /** Polar Express steps. */
  steps: number;
  /** Extra copies of the third one, which leaves the interval of large singular values as it is and quadruples small ones. */
  repeats: number;
  /** Classical quintic steps at the end. */
  finishing: number;
}

/** The coefficients of all steps in order. */
export function polarCoefficients(counts: PolarSteps): QuinticCoefficients[] {
  const last = POLAR_EXPRESS.length - 1;
  const list: QuinticCoefficients[] = [];
  for (let i = 0; i < counts.steps; i++) {
    const [a, b, c] = POLAR_EXPRESS[Math.min(i, last)];
    const isLast = i >= last;
    const copies = i === 2 ? 1 + counts.repeats : 1;
    for (let copy = 0; copy < copies; copy++) {
      list.push(
        isLast ? [a, b, c] : [a / POLAR_SAFETY, b / POLAR_SAFETY ** 3, c / POLAR_SAFETY ** 5],
      );
    }
  }
  for (let i = 0; i < counts.finishing; i++) {
    list.push(FINISHING);
  }
  return list;
}

/** `[b,m,n]` with the last two axes exchanged if the matrices are wide, so that Gram matrices are the small ones. */
export function asTall(matrices: tf.Tensor): tf.Tensor3D {
  const [, rows, columns] = matrices.shape;
  return rows < columns
    ? tf.transpose(matrices as tf.Tensor3D, [0, 2, 1])
    : (matrices as tf.Tensor3D);
}

/** Matrices whose largest entry lies beyond this power of two, or below its inverse, are brought back by it first. */
export const POLAR_EXTREME = 2 ** 64;

/**
 * A power of two per matrix, `[b,1,1]`, by which it is multiplied before all else: 1, except where the norm or its inverse
 * could leave float32. Ordinary matrices keep their bits. Entries that the backend takes for zero (below 1.18e-38 where
 * it flushes denormals) stay zero.
 */
export function polarGuard(matrices: tf.Tensor3D): tf.Tensor3D {
  return tf.tidy(() => {
    const largest = tf.max(tf.abs(matrices), [1, 2], true);
    const ones = tf.onesLike(largest);
    const raised = tf.where(tf.less(largest, 1 / POLAR_EXTREME), tf.mul(ones, POLAR_EXTREME), ones);
    const lowered = tf.mul(ones, 1 / POLAR_EXTREME);
    return tf.where(tf.greater(largest, POLAR_EXTREME), lowered, raised) as tf.Tensor3D;
  });
}

/**
 * One number per matrix, `[b,1,1]`, by which it is multiplied before the first step: 1/(1.01 ‖Y‖_F). The norm is taken
 * after dividing by the largest entry; a zero matrix gets 1. Of matrices times their {@link polarGuard}.
 */
export function polarScale(matrices: tf.Tensor3D): tf.Tensor3D {
  const largest = tf.max(tf.abs(matrices), [1, 2], true);
  const isZero = tf.cast(tf.equal(largest, 0), 'float32');
  const unit = tf.div(matrices, tf.add(largest, isZero));
  const norm = tf.sqrt(tf.sum(tf.square(unit), [1, 2], true));
  const scale = tf.mul(tf.mul(norm, POLAR_SAFETY), largest);
  return tf.div(1, tf.add(scale, isZero)) as tf.Tensor3D;
}
