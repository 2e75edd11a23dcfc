/** Whether a projection keeps the angles between tokens (method section 2, published: Pearson r = 0.992). */
import * as tf from '@tensorflow/tfjs-core';
import {checkInteger} from '../ops/check_values.js';
import {asRows} from './rows.js';

/** Options of {@link pearsonOfTokenCosines}. */
export interface TokenCosinesOptions {
  /** Most tokens to compare, evenly spread over the rows; all pairs of them are. Default 512. */
  maxTokens?: number;
}

/**
 * Pearson's correlation, over all pairs of tokens, between the cosine similarity of their rows in `x` and in `z`. 1 for an
 * isometry; the nearer to 1, the better suited is `z` to quantisation by distance (method section 7).
 *
 * @param x float32 `[..., d]`: what was projected.
 * @param z float32 `[..., r]`: the projection of the same tokens.
 * @returns −1 to 1; NaN where one of the two has no variance to correlate.
 * @throws Error on fewer than three tokens or different numbers of them.
 */
export async function pearsonOfTokenCosines(
  x: tf.Tensor,
  z: tf.Tensor,
  {maxTokens = 512}: TokenCosinesOptions = {},
): Promise<number> {
  checkInteger('pearsonOfTokenCosines', 'maxTokens', maxTokens, 3);
  const cosines = tf.tidy(() => {
    const rows = [asRows(x, 'pearsonOfTokenCosines: x'), asRows(z, 'pearsonOfTokenCosines: z')];
    const [count, other] = rows.map(({shape}) => shape[0]);
    if (count !== other || count < 3) {
      throw new Error(
        `pearsonOfTokenCosines: x has ${count} tokens and z ${other}, expected as many, at least 3.`,
      );
    }
    const chosen = evenly(count, maxTokens);
    return rows.map((matrix) => {
      const some = chosen == null ? matrix : tf.gather(matrix, tf.tensor1d(chosen, 'int32'));
      const norms = tf.norm(some, 'euclidean', 1, true);
      // A token of zeros has no direction: its cosines are 0.
      const unit = tf.divNoNan(some, norms);
      return tf.matMul(unit, unit, false, true);
    });
  });
  const [a, b] = await Promise.all(cosines.map((matrix) => matrix.data()));
  const n = cosines[0].shape[0];
  tf.dispose(cosines);
  return pearson(a, b, n);
}

function evenly(count: number, most: number): number[] | null {
  if (count <= most) return null;
  return Array.from({length: most}, (_, i) => Math.floor((i * count) / most));
}

/** Correlation of the entries above the diagonals. */
function pearson(a: ArrayLike<number>, b: ArrayLike<number>, n: number): number {
  const pairs = (n * (n - 1)) / 2;
  let [meanA, meanB] = [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      meanA += a[i * n + j] / pairs;
      meanB += b[i * n + j] / pairs;
    }
  }
  let [aa, bb, ab] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const [u, v] = [a[i * n + j] - meanA, b[i * n + j] - meanB];
      aa += u * u;
      bb += v * v;
      ab += u * v;
    }
  }
  return ab / Math.sqrt(aa * bb);
}
