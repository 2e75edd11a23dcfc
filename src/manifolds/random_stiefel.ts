/** Random matrices with orthonormal columns or rows, for the initial projectors and anchor bases. */
import {checkInteger} from '../ops/check_values.js';
import {seededNormal} from './seeded_normal.js';

/**
 * A random point of St(d, r): the Q factor (positive diagonal in R) of a seeded Gaussian `[d, r]` matrix, so that it is
 * uniformly (Haar) distributed. Computed in float64 plain JavaScript, hence the same bits on every backend and machine;
 * `AᵀA = I` holds to float32 rounding (1e-6). Start of `A_p` (method.md section 12, row 3: inferred, the paper only
 * speaks of a random orthogonal matrix).
 *
 * @param d Rows, at least 1.
 * @param r Columns, 1 ≤ r ≤ d.
 * @param seed An integer.
 * @returns Row-major `d × r` values.
 */
export function randomStiefel(d: number, r: number, seed: number): Float32Array {
  checkInteger('randomStiefel', 'd', d, 1);
  if (!Number.isInteger(r) || r < 1 || r > d) {
    throw new Error(
      `randomStiefel: r is ${r}, expected an integer from 1 to d = ${d}: ` +
        `a matrix cannot have more orthonormal columns than rows.`,
    );
  }
  const normal = seededNormal(seed);
  const gaussian = Float64Array.from({length: d * r}, normal);
  const columns: Float64Array[] = [];
  for (let j = 0; j < r; j++) {
    const column = new Float64Array(d);
    for (let i = 0; i < d; i++) {
      column[i] = gaussian[i * r + j];
    }
    orthonormalise(column, columns);
    columns.push(column);
  }
  const out = new Float32Array(d * r);
  columns.forEach((column, j) => {
    for (let i = 0; i < d; i++) {
      out[i * r + j] = column[i];
    }
  });
  return out;
}

/**
 * A random `rows × cols` matrix with orthonormal columns (rows ≥ cols) or orthonormal rows (rows < cols), row-major.
 * `P_p` of an anchor embedding is `orthogonalMatrix(anchorRank, d, seed)`: `P Pᵀ = I`.
 */
export function orthogonalMatrix(rows: number, cols: number, seed: number): Float32Array {
  checkInteger('orthogonalMatrix', 'rows', rows, 1);
  checkInteger('orthogonalMatrix', 'cols', cols, 1);
  if (rows >= cols) {
    return randomStiefel(rows, cols, seed);
  }
  const tall = randomStiefel(cols, rows, seed);
  const out = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      out[i * cols + j] = tall[j * rows + i];
    }
  }
  return out;
}

/** Gram–Schmidt, twice (once loses digits when a column happens to lie near the span of the others), then norm 1. */
function orthonormalise(column: Float64Array, basis: Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const q of basis) {
      let dot = 0;
      for (let i = 0; i < column.length; i++) {
        dot += q[i] * column[i];
      }
      for (let i = 0; i < column.length; i++) {
        column[i] -= dot * q[i];
      }
    }
  }
  let square = 0;
  for (const value of column) {
    square += value * value;
  }
  const scale = 1 / Math.sqrt(square);
  for (let i = 0; i < column.length; i++) {
    column[i] *= scale;
  }
}
