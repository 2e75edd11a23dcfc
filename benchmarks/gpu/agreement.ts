/** Times are compared only of sides whose results agree. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Codes that may differ between two correct quantisers, as a part of all: two codes can be equally near but for rounding,
 * and what follows such a choice differs too.
 */
const OTHER_CODES = 1e-3;

/**
 * Largest difference of two lists of results, each as a part of the reference's largest value; of whole numbers, the part
 * that differs.
 *
 * @throws Error if it exceeds `tolerance`, or sizes differ, or a value is not a number
 */
export function checkAgreement(
  ours: readonly tf.TypedArray[],
  theirs: readonly tf.TypedArray[],
  tolerance: number,
): number {
  if (ours.length !== theirs.length) {
    throw new Error(`the sides give ${ours.length} and ${theirs.length} results`);
  }
  let worst = 0;
  for (const [i, a] of ours.entries()) {
    const b = theirs[i];
    if (a.length !== b.length) {
      throw new Error(`result ${i} has ${a.length} and ${b.length} values`);
    }
    const whole = a instanceof Int32Array;
    const difference = whole ? partThatDiffers(a, b) : relativeDifference(a, b);
    const limit = whole ? OTHER_CODES : tolerance;
    // Also catches what is not a number.
    if (!(difference <= limit)) {
      throw new Error(
        `results disagree: result ${i} by ${difference.toExponential(1)}, at most ${limit} allowed`,
      );
    }
    worst = Math.max(worst, difference);
  }
  return worst;
}

function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i] - b[i]);
    if (Number.isNaN(apart)) return NaN;
    if (apart > difference) difference = apart;
    const size = Math.abs(b[i]);
    if (size > largest) largest = size;
  }
  return difference === 0 ? 0 : difference / largest;
}

function partThatDiffers(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count / a.length;
}

/** The values of what `run` gives, everything freed. */
export async function valuesOf(run: () => tf.Tensor | tf.Tensor[]): Promise<tf.TypedArray[]> {
  const results = tf.tidy(run);
  const list = Array.isArray(results) ? results : [results];
  try {
    return await Promise.all(list.map((tensor) => tensor.data()));
  } finally {
    tf.dispose(list);
  }
}
