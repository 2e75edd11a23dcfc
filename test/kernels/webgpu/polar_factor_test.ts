/** The polar factor in tiles: matrices beyond a tile, long ones whose Gram matrix is summed in parts, extreme entries. */
import * as tf from '@tensorflow/tfjs-core';
import {polarFactor} from '../../../src/ops/index.js';
import {dense, expectClose, normal, toTensor} from '../../support/dense.js';
import * as reference from '../../support/reference_ops.js';
import {poison} from '../../support/poison.js';

/** Matrices, height, width. */
const SHAPES = [
  [1, 1, 1],
  [3, 40, 33],
  [2, 7, 50],
  [1, 1100, 5],
  [1, 3, 600],
];

describe('polarFactor in tiles', () => {
  for (const [b, m, n] of SHAPES) {
    it(`[${b},${m},${n}], as in float64`, async () => {
      const y = normal([b, m, n], 1);
      const expected = dense([b, m, n]);
      for (let i = 0; i < b; i++) {
        const one = dense([m, n], y.values.subarray(i * m * n, (i + 1) * m * n));
        expected.values.set(reference.polarFactor(one).values, i * m * n);
      }
      const tensor = toTensor(y);
      const small = Math.min(m, n);
      await poison([
        [b, m, n],
        [b, small, small],
      ]);
      const u = polarFactor(tensor);
      await expectClose(u, expected, 2e-5);
      expect(Array.from(await polarFactor(tensor).data())).toEqual(Array.from(await u.data()));
    });
  }

  it('of tiny, huge and zero matrices', async () => {
    const y = normal([1, 9, 4], 3);
    const expected = reference.polarFactor(dense([9, 4], y.values));
    for (const factor of [1e-33, 1e-30, 1e30, 1e38]) {
      const u = polarFactor(tf.mul(toTensor(y), factor));
      await expectClose(u, dense([1, 9, 4], expected.values), 2e-5, `factor ${factor}`);
    }
    const zero = polarFactor(tf.zeros([1, 9, 4]));
    expect(Array.from(await zero.data())).toEqual(new Array(36).fill(0));
  });
});
