/** Small dense matrices in float64, to judge float32 results by. */
import type * as tf from '@tensorflow/tfjs-core';

export type Matrix = number[][];

export function toMatrix(values: ArrayLike<number>, rows: number, columns: number): Matrix {
  return Array.from({length: rows}, (_, i) =>
    Array.from({length: columns}, (_, j) => values[i * columns + j]),
  );
}

export async function read(t: tf.Tensor): Promise<Matrix> {
  const [rows, columns] = t.shape.slice(-2);
  return toMatrix(await t.data(), rows, columns);
}

export function transpose(a: Matrix): Matrix {
  return a[0].map((_, j) => a.map((row) => row[j]));
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  return a.map((row) =>
    b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)),
  );
}

/** `x a + y b`. */
export function combine(x: number, a: Matrix, y: number, b: Matrix): Matrix {
  return a.map((row, i) => row.map((value, j) => x * value + y * b[i][j]));
}

export function identity(n: number): Matrix {
  return Array.from({length: n}, (_, i) => Array.from({length: n}, (_, j) => (i === j ? 1 : 0)));
}

/** `aᵀa − I`. */
export function orthogonalityError(a: Matrix): Matrix {
  return combine(1, multiply(transpose(a), a), -1, identity(a[0].length));
}

/** Largest singular value, by power iteration on `aᵀa`. */
export function spectralNorm(a: Matrix): number {
  const gram = multiply(transpose(a), a);
  let v: Matrix = gram.map((_, i) => [1 + 0.1 * Math.sin(i + 1)]);
  let norm = 0;
  for (let i = 0; i < 200; i++) {
    const next = multiply(gram, v);
    norm = Math.hypot(...next.map(([value]) => value));
    if (norm === 0) {
      return 0;
    }
    v = next.map(([value]) => [value / norm]);
  }
  return Math.sqrt(norm);
}

export function largest(a: Matrix): number {
  return Math.max(...a.flat().map(Math.abs));
}

export function inverse(a: Matrix): Matrix {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...identity(n)[i]]);
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column; i < n; i++) {
      if (Math.abs(rows[i][column]) > Math.abs(rows[pivot][column])) {
        pivot = i;
      }
    }
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    const scale = rows[column][column];
    rows[column] = rows[column].map((value) => value / scale);
    for (let i = 0; i < n; i++) {
      if (i !== column) {
        const factor = rows[i][column];
        rows[i] = rows[i].map((value, j) => value - factor * rows[column][j]);
      }
    }
  }
  return rows.map((row) => row.slice(n));
}

/** Polar factor of a tall matrix of full column rank, by Newton's iteration on its Gram matrix's square root. */
export function polar(a: Matrix): Matrix {
  // a (aᵀa)^{-1/2}: Denman–Beavers gives the inverse square root of the Gram matrix.
  let y = multiply(transpose(a), a);
  let z = identity(y.length);
  for (let i = 0; i < 60; i++) {
    const [yInverse, zInverse] = [inverse(y), inverse(z)];
    [y, z] = [combine(0.5, y, 0.5, zInverse), combine(0.5, z, 0.5, yInverse)];
  }
  return multiply(a, z);
}

/** `u − x sym(xᵀu)`. */
export function project(x: Matrix, u: Matrix): Matrix {
  const product = multiply(transpose(x), u);
  return combine(1, u, -1, multiply(x, combine(0.5, product, 0.5, transpose(product))));
}
