import * as tf from '@tensorflow/tfjs-core';
import {
  clipByGlobalNorm,
  clipFactor,
  globalNorm,
  sumOfSquares,
  train,
} from '../../src/optimizers/index.js';
import {expectClose, gaussian} from './helpers.js';

describe('clipping', () => {
  it('globalNorm and sumOfSquares take all gradients as one vector', async () => {
    const map = {a: tf.tensor1d([3, 0]), b: tf.tensor2d([[4]])};
    const list = [
      {name: 'b', tensor: map.b as tf.Tensor},
      {name: 'a', tensor: map.a as tf.Tensor},
    ];
    await expectClose(globalNorm(map), [5]);
    await expectClose(globalNorm(list), [5]);
    expect(await sumOfSquares(map)).toBe(25);
    expect(await sumOfSquares(list)).toBe(25);
    expect(await sumOfSquares({})).toBe(0);
  });

  it('clipByGlobalNorm scales only what is too long, in the form it came', async () => {
    const a = tf.tensor1d([3, 0]);
    const b = tf.tensor1d([4]);
    const short = clipByGlobalNorm({a, b}, 10);
    await expectClose(short.a, [3, 0], 0);
    const long = clipByGlobalNorm(
      [
        {name: 'a', tensor: a as tf.Tensor},
        {name: 'b', tensor: b as tf.Tensor},
      ],
      1,
    );
    // 1 / (5 + 1e-6)
    expect(long.map(({name}) => name)).toEqual(['a', 'b']);
    await expectClose(long[0].tensor, [0.6, 0]);
    await expectClose(long[1].tensor, [0.8]);
    await expectClose(a, [3, 0], 0);
    expect(() => clipByGlobalNorm({a}, -1)).toThrowError(/clipNorm is -1/);
  });

  it('clipFactor is min(1, clipNorm / (norm + 1e-6))', () => {
    expect(clipFactor(1, 0.5)).toBe(1);
    expect(clipFactor(1, 4)).toBeCloseTo(0.25, 6);
    expect(() => clipFactor(1, NaN)).toThrowError(/globalNorm is NaN.*a gradient holds NaN/);
    expect(() => clipFactor(1, -1)).toThrowError(/globalNorm is -1/);
  });

  it('clipNorm acts on the norm of all gradients', async () => {
    const a = tf.variable(tf.tensor1d([0]), true, 'a');
    const b = tf.variable(tf.tensor1d([0]), true, 'b');
    // ε = 1 makes AdamW's first step g / (|g| + 1): it shows the clipped gradients 0.6 and 0.8.
    const optimizer = train.adamw({learningRate: 1, epsilon: 1, weightDecay: 0, clipNorm: 1});
    optimizer.applyGradients({a: tf.tensor1d([3]), b: tf.tensor1d([4])});
    await expectClose(a, [-0.6 / 1.6]);
    await expectClose(b, [-0.8 / 1.8]);
    optimizer.dispose();
  });

  it('a stage clips by the norm over all stages that it is given', async () => {
    // Two stages with gradients 3 and 4 know their sums of squares, 9 and 16.
    const total = Math.sqrt(
      (await sumOfSquares({a: tf.tensor1d([3])})) + (await sumOfSquares({b: tf.tensor1d([4])})),
    );
    const a = tf.variable(tf.tensor1d([0]), true, 'a');
    const optimizer = train.adamw({learningRate: 1, epsilon: 1, weightDecay: 0, clipNorm: 1});
    optimizer.applyGradients({a: tf.tensor1d([3])}, {globalNorm: total});
    await expectClose(a, [-0.6 / 1.6]);
    expect(() => optimizer.applyGradients({a: tf.tensor1d([3])}, {globalNorm: NaN})).toThrowError(
      /globalNorm is NaN/,
    );
    expect(optimizer.iterations).toBe(1);
    optimizer.dispose();
  });

  it('sumOfSquares gives the same bits in any order', async () => {
    const gradients = [0, 1, 2, 3].map((seed) => ({
      name: `v${seed}`,
      tensor: tf.mul(gaussian([7, 3], seed), 10 ** (2 * seed - 3)) as tf.Tensor,
    }));
    const first = await sumOfSquares(gradients);
    expect(await sumOfSquares([...gradients].reverse())).toBe(first);
    expect(first).toBeGreaterThan(0);
  });
});
