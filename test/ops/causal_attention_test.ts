import * as tf from '@tensorflow/tfjs-core';
import {causalAttention} from '../../src/ops/index.js';
import {dense, expectClose, normal, toTensor} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

/** Batch, heads, groups, queries, keys, head width. */
const SHAPES = [
  [1, 1, 1, 1, 1, 2],
  [2, 4, 4, 5, 5, 6],
  [2, 6, 2, 7, 7, 3],
  [1, 8, 1, 9, 9, 10],
  [2, 4, 2, 1, 6, 4],
  [1, 3, 3, 4, 11, 5],
  [1, 2, 1, 33, 33, 8],
];

describe('causalAttention', () => {
  for (const [b, h, g, tq, tk, k] of SHAPES) {
    it(`b=${b} heads=${h}/${g} queries=${tq} keys=${tk} width=${k} as in float64`, async () => {
      const [q, key, value] = [
        normal([b, h, tq, k], 1),
        normal([b, g, tk, k], 2),
        normal([b, g, tk, k], 3),
      ];
      const out = causalAttention(toTensor(q), toTensor(key), toTensor(value));
      await expectClose(out, reference.causalAttention(q, key, value, 1 / Math.sqrt(k)));
    });
  }

  it('takes a scale', async () => {
    const [q, k, v] = [1, 2, 3].map((seed) => normal([1, 2, 4, 6], seed));
    const out = causalAttention(toTensor(q), toTensor(k), toTensor(v), 0.1);
    await expectClose(out, reference.causalAttention(q, k, v, 0.1));
  });

  it('does not look ahead', async () => {
    // Changing the last key and value must not change any earlier row, not by a bit.
    const shape = [1, 1, 4, 3];
    const [q, k, v] = [1, 2, 3].map((seed) => toTensor(normal(shape, seed)));
    const last = tf.tensor([0, 0, 0, 1], [1, 1, 4, 1]);
    const before = tf.slice(causalAttention(q, k, v), [0, 0, 0, 0], [1, 1, 3, 3]);
    const later = causalAttention(q, tf.add(k, tf.mul(last, 9)), tf.sub(v, last));
    const after = tf.slice(later, [0, 0, 0, 0], [1, 1, 3, 3]);
    expect(Array.from(await after.data())).toEqual(Array.from(await before.data()));
  });

  it('stays finite for large scores', async () => {
    const q = tf.tensor([100, -100, 100, 100], [1, 1, 2, 2]);
    const v = tf.tensor([1, 2, 3, 4], [1, 1, 2, 2]);
    // The second query's scores are 0 and 20000: it takes the second value.
    await expectClose(causalAttention(q, q, v, 1), dense([1, 1, 2, 2], [1, 2, 3, 4]));
  });

  it('shows NaN', async () => {
    const q = tf.tensor([NaN, 1, 1, 1], [1, 1, 2, 2]);
    const ones = tf.ones([1, 1, 2, 2]);
    const values = await causalAttention(q, ones, ones).data();
    expect(Number.isNaN(values[0])).toBeTrue();
    expect(values[2]).toBeCloseTo(1, 5);
  });

  it('shows the NaN of a key to the queries that see it, and to no others', async () => {
    const ones = tf.ones([1, 1, 3, 2]);
    const keys = tf.tensor([1, 1, NaN, 1, 1, 1], [1, 1, 3, 2]);
    const values = await causalAttention(ones, keys, ones).data();
    expect(Array.from(values.slice(0, 2))).toEqual([1, 1]);
    expect(Array.from(values.slice(2)).every(Number.isNaN)).toBeTrue();
  });

  it('names what is wrong', () => {
    const four = tf.zeros([1, 4, 3, 2]);
    const three = tf.zeros([1, 3, 3, 2]);
    expect(() => causalAttention(four, three, three)).toThrowError(
      /'q' has 4 heads and 'k' 3; expected the heads of 'q' to be a multiple/,
    );
    const short = tf.zeros([1, 4, 2, 2]);
    expect(() => causalAttention(four, short, short)).toThrowError(
      /'q' has 3 positions and 'k' 2; expected no more queries than keys/,
    );
    expect(() => causalAttention(four, four, three)).toThrowError(
      /'v' has shape \[1,3,3,2\]; expected \[1,4,3,2\], the shape of 'k'/,
    );
    const two = tf.zeros([2, 4, 3, 2]);
    expect(() => causalAttention(four, two, two)).toThrowError(
      /the batch size of 'k' is 2; expected 1/,
    );
    expect(() => causalAttention(tf.zeros([4, 3, 2]), four, four)).toThrowError(
      /'q' has shape \[4,3,2\]; expected \[batch, heads, queries, headDim\]/,
    );
    expect(() => causalAttention(four, four, four, NaN)).toThrowError(/'scale' is NaN/);
  });
});
