/** Small sums over Gram matrices, in float64. */
import {symmetricEigen} from './spectrum.js';

/** The first eigenvectors of a Gram matrix `[d, d]` as columns of a matrix `[d, rank]`: its PCA. */
export function topDirections(gram: Float64Array, d: number, rank: number): Float32Array {
  const {vectors} = symmetricEigen(gram, d);
  const columns = new Float32Array(d * rank);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < rank; j++) columns[i * rank + j] = vectors[i * d + j];
  }
  return columns;
}

/** Sum of the diagonal of `[d, d]`: the energy of what the Gram matrix was made of. */
export function trace(gram: Float64Array, d: number): number {
  let sum = 0;
  for (let i = 0; i < d; i++) sum += gram[i * d + i];
  return sum;
}

/** Trace of `AᵀGA` for `A [d, rank]` with orthonormal columns: the energy in its subspace. */
export function energyInside(
  gram: Float64Array,
  a: ArrayLike<number>,
  d: number,
  rank: number,
): number {
  let sum = 0;
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      let product = 0;
      for (let k = 0; k < rank; k++) product += a[i * rank + k] * a[j * rank + k];
      sum += gram[i * d + j] * product;
    }
  }
  return sum;
}
