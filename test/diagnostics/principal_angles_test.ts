import * as tf from '@tensorflow/tfjs-core';
import {principalAngles} from '../../src/diagnostics/index.js';
import {orthogonalMatrix} from '../../src/manifolds/random_stiefel.js';

describe('principalAngles', () => {
  it('finds the angles that two subspaces were made with', async () => {
    const [d, r] = [9, 4];
    const degrees = [0.0001, 10, 53, 90];
    // Columns q₁…q₄ and cos(θᵢ) qᵢ + sin(θᵢ) q₄₊ᵢ, the latter mixed by an invertible matrix.
    const q = orthogonalMatrix(d, d, 3);
    const column = (i: number, k: number) => q[i * d + k];
    const a = tf.tensor2d(
      Array.from({length: d}, (_, i) => Array.from({length: r}, (_, k) => column(i, k))),
    );
    const turned = Array.from({length: d}, (_, i) =>
      degrees.map((angle, k) => {
        const radians = (angle * Math.PI) / 180;
        return Math.cos(radians) * column(i, k) + Math.sin(radians) * column(i, r + k);
      }),
    );
    const mixed = turned.map(([u, v, w, x]) => [u, 2 * v + u, w - v, x + 3 * u]);
    const b = tf.tensor2d(mixed);
    const angles = await principalAngles(a, b);
    [0, 10, 53, 90].forEach((angle, i) => expect(angles[i]).toBeCloseTo(angle, 3));
    tf.dispose([a, b]);
  });

  it('is nothing between the same columns, also where the ranks differ', async () => {
    const q = orthogonalMatrix(6, 6, 1);
    const a = tf.tensor2d(q, [6, 6]);
    const [wide, narrow] = [tf.slice(a, [0, 0], [6, 4]), tf.slice(a, [0, 1], [6, 2])];
    for (const pair of [
      [wide, narrow],
      [narrow, wide],
    ]) {
      const angles = await principalAngles(pair[0], pair[1]);
      expect(angles.length).toBe(2);
      angles.forEach((angle) => expect(angle).toBeLessThan(1e-4));
    }
    tf.dispose([a, wide, narrow]);
  });

  it('refuses what has no subspace of that size', async () => {
    const a = tf.tensor2d([1, 0, 0, 1, 0, 0], [3, 2]);
    const twice = tf.tensor2d([1, 2, 1, 2, 1, 2], [3, 2]);
    const other = tf.tensor2d([1, 0], [2, 1]);
    const wide = tf.zeros([2, 3]);
    const damaged = tf.tensor2d([1, NaN, 0], [3, 1]);
    await expectAsync(principalAngles(a, twice)).toBeRejectedWithError(/columns of b are linearly/);
    await expectAsync(principalAngles(a, other)).toBeRejectedWithError(/same number of rows/);
    await expectAsync(principalAngles(wide, other)).toBeRejectedWithError(/a is \[2, 3\]/);
    await expectAsync(principalAngles(a, damaged)).toBeRejectedWithError(/b is \[3, 1\] with NaN/);
    tf.dispose([a, twice, other, wide, damaged]);
  });
});
