import * as tf from '@tensorflow/tfjs-core';
import {orthogonalityError, orthogonalityErrorOf} from '../../src/diagnostics/index.js';

describe('orthogonalityError', () => {
  it('is the largest stretch beside one', () => {
    // Columns 2·e₁ and e₂: AᵀA − I = diag(3, 0).
    expect(orthogonalityErrorOf([2, 0, 0, 1, 0, 0], 3, 2)).toBeCloseTo(3, 12);
    // Columns e₁/2 and e₂: diag(−3/4, 0).
    expect(orthogonalityErrorOf([0.5, 0, 0, 1, 0, 0], 3, 2)).toBeCloseTo(0.75, 12);
    // Equal columns e₁: AᵀA − I = [[0, 1], [1, 0]], eigenvalues ±1.
    expect(orthogonalityErrorOf([1, 1, 0, 0], 2, 2)).toBeCloseTo(1, 12);
  });

  it('is nothing for orthonormal columns, and NaN for damaged ones', () => {
    expect(orthogonalityErrorOf([0.6, 0.8, -0.8, 0.6], 2, 2)).toBeLessThan(1e-12);
    expect(orthogonalityErrorOf([NaN, 0], 2, 1)).toBeNaN();
  });

  it('takes tensors, and matrices only', async () => {
    const matrix = tf.tensor2d([2, 0, 0, 1, 0, 0], [3, 2]);
    expect(await orthogonalityError(matrix)).toBeCloseTo(3, 12);
    matrix.dispose();
    const vector = tf.tensor1d([1, 0]);
    await expectAsync(orthogonalityError(vector)).toBeRejectedWithError(/\[2\], expected \[d, r\]/);
    vector.dispose();
  });
});
