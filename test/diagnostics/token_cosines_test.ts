import * as tf from '@tensorflow/tfjs-core';
import {pearsonOfTokenCosines} from '../../src/diagnostics/index.js';
import {orthogonalMatrix} from '../../src/manifolds/random_stiefel.js';

describe('pearsonOfTokenCosines', () => {
  it('agrees with the definition', async () => {
    const x = tf.tensor2d([1, 0, 1, 1, 0, 2, -1, 1], [4, 2]);
    const z = tf.tensor2d([1, 1, 0, -2], [4, 1]);
    // Cosines of the pairs 01 02 03 12 13 23; the third token of z is zero.
    const h = Math.SQRT1_2;
    const [p, q] = [
      [h, 0, -h, h, 0, h],
      [1, 0, -1, 0, -1, 0],
    ];
    const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
    const centred = (list: number[]) => list.map((value) => value - mean(list));
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const [u, v] = [centred(p), centred(q)];
    const expected = dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v));
    expect(await pearsonOfTokenCosines(x, z)).toBeCloseTo(expected, 5);
    tf.dispose([x, z]);
  });

  it('is one for an isometry, on some of the tokens too', async () => {
    const x = tf.randomNormal([5, 8, 6], 0, 1, 'float32', 7);
    const turn = tf.tensor2d(orthogonalMatrix(6, 6, 2), [6, 6]);
    const z = tf.tidy(() => tf.matMul(tf.reshape(x, [40, 6]), turn));
    expect(await pearsonOfTokenCosines(x, z)).toBeCloseTo(1, 5);
    expect(await pearsonOfTokenCosines(x, z, {maxTokens: 11})).toBeCloseTo(1, 5);
    tf.dispose([x, turn, z]);
  });

  it('refuses too few tokens and different numbers of them', async () => {
    const [two, three, four] = [tf.ones([2, 2]), tf.ones([3, 2]), tf.ones([4, 2])];
    await expectAsync(pearsonOfTokenCosines(two, two)).toBeRejectedWithError(/at least 3/);
    await expectAsync(pearsonOfTokenCosines(three, four)).toBeRejectedWithError(/x has 3 tokens/);
    await expectAsync(pearsonOfTokenCosines(three, three, {maxTokens: 2})).toBeRejectedWithError(
      /maxTokens is 2/,
    );
    tf.dispose([two, three, four]);
  });
});
