/** How far a projector is from the Stiefel manifold. */
import type * as tf from '@tensorflow/tfjs-core';
import {checkTensor} from '../ops/check_values.js';

/** Iterations of the power method; the matrix is tiny and far from the limit of floats after these. */
const ITERATIONS = 200;

/**
 * ‖AᵀA − I‖₂, how far the columns of a matrix are from orthonormal: the largest absolute eigenvalue, by the power method
 * in float64. A learned projector should stay below 1e-5 (method section 13, ours).
 *
 * @param matrix `[d, r]`.
 * @throws Error if it is not a matrix.
 */
export async function orthogonalityError(matrix: tf.Tensor): Promise<number> {
  checkTensor('orthogonalityError', 'the matrix', matrix);
  if (matrix.rank !== 2) {
    throw new Error(`orthogonalityError: the matrix has shape [${matrix.shape}], expected [d, r].`);
  }
  const [d, r] = matrix.shape;
  return orthogonalityErrorOf(await matrix.data(), d, r);
}

/**
 * The same of plain numbers.
 *
 * @param values The matrix `[d, r]`, row-major.
 * @param d Rows.
 * @param r Columns.
 * @throws Error on another number of values.
 */
export function orthogonalityErrorOf(values: ArrayLike<number>, d: number, r: number): number {
  if (values?.length !== d * r) {
    throw new Error(
      `orthogonalityErrorOf: got ${values?.length ?? 'no'} values, expected ${d * r} for [d, r] = [${d}, ${r}].`,
    );
  }
  const gram = new Float64Array(r * r);
  for (let row = 0; row < d; row++) {
    for (let i = 0; i < r; i++) {
      const a = values[row * r + i];
      for (let j = 0; j <= i; j++) gram[i * r + j] += a * values[row * r + j];
    }
  }
  for (let i = 0; i < r; i++) {
    gram[i * r + i] -= 1;
    for (let j = 0; j < i; j++) gram[j * r + i] = gram[i * r + j];
  }
  // Start with unequal entries, so that no eigenvector is missed by symmetry.
  let vector = Float64Array.from({length: r}, (_, i) => 1 + Math.sin(i + 1) / 2);
  let norm = 0;
  for (let k = 0; k < ITERATIONS; k++) {
    const length = Math.hypot(...vector);
    if (!(length > 0)) return length;
    const next = new Float64Array(r);
    for (let i = 0; i < r; i++) {
      for (let j = 0; j < r; j++) next[i] += (gram[i * r + j] * vector[j]) / length;
    }
    norm = Math.hypot(...next);
    vector = next;
  }
  return norm;
}
