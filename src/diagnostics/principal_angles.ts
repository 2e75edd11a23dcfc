/** Angles between the subspaces of two projectors (method section 2, published: about 53° between neighbours). */
import type * as tf from '@tensorflow/tfjs-core';
import {Matrix, QrDecomposition, SingularValueDecomposition} from 'ml-matrix';
import {checkMatrix} from './rows.js';

const DEGREES = 180 / Math.PI;

/**
 * The principal angles between the column spaces of two matrices, in degrees, ascending. In float64 on orthonormal bases of the
 * columns (QR); small angles from sines, large ones from cosines, so that both keep their digits (Björck and Golub 1973).
 *
 * @param a `[d, r]` of full column rank.
 * @param b `[d, s]` of full column rank.
 * @returns `min(r, s)` angles, 0 to 90.
 * @throws Error on different d, on columns that are linearly dependent, and on NaN or infinity.
 */
export async function principalAngles(a: tf.Tensor, b: tf.Tensor): Promise<Float64Array> {
  checkMatrix(a, 'principalAngles: a');
  checkMatrix(b, 'principalAngles: b');
  if (a.shape[0] !== b.shape[0]) {
    throw new Error(
      `principalAngles: a has shape [${a.shape}] and b [${b.shape}], expected the same number of rows.`,
    );
  }
  const [first, second] = await Promise.all([a.data(), b.data()]);
  const bases = [orthonormal(first, a.shape, 'a'), orthonormal(second, b.shape, 'b')];
  const [wide, narrow] = bases.sort((p, q) => q.columns - p.columns);
  const product = wide.transpose().mmul(narrow);
  const cosines = singularValues(product).sort((x, y) => y - x);
  const outside = Matrix.sub(narrow, wide.mmul(product));
  const sines = singularValues(outside).sort((x, y) => x - y);
  return Float64Array.from(cosines, (cosine, i) => {
    const angle = cosine * cosine > 0.5 ? Math.asin(Math.min(1, sines[i])) : Math.acos(cosine);
    return angle * DEGREES;
  });
}

function singularValues(matrix: Matrix): number[] {
  const options = {computeLeftSingularVectors: false, computeRightSingularVectors: false};
  return new SingularValueDecomposition(matrix, {...options, autoTranspose: true}).diagonal;
}

/** An orthonormal basis of the columns. */
function orthonormal(values: ArrayLike<number>, [d, r]: number[], name: string): Matrix {
  const matrix = Matrix.from1DArray(d, r, Array.from(values));
  if (r > d || !Array.from(values).every(Number.isFinite)) {
    throw new Error(
      `principalAngles: ${name} is [${d}, ${r}]${r > d ? '' : ' with NaN or infinity'}, expected finite numbers ` +
        'and at least as many rows as columns.',
    );
  }
  const qr = new QrDecomposition(matrix);
  const diagonal = qr.upperTriangularMatrix.diagonal().map(Math.abs);
  if (!(Math.min(...diagonal) > 1e-10 * Math.max(...diagonal))) {
    throw new Error(`principalAngles: the columns of ${name} are linearly dependent.`);
  }
  return qr.orthogonalMatrix;
}
