import * as tf from '@tensorflow/tfjs-core';
import {causalAttention} from '../../src/ops/index.js';
import {normal, toTensor} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

/** Batch, heads, groups, queries, keys, head width. */
const SHAPES = [
  [1, 1, 1, 1, 1, 2],
  [2, 2, 2, 3, 3, 4],
  [1, 6, 2, 4, 4, 3],
  [2, 2, 1, 5, 5, 2],
  [1, 2, 1, 2, 5, 3],
];

describe('gradient of causalAttention', () => {
  for (const [b, h, g, tq, tk, k] of SHAPES) {
    it(`b=${b} heads=${h}/${g} queries=${tq} keys=${tk} width=${k}`, () =>
      checkGradients({
        inputs: {
          q: normal([b, h, tq, k], 1),
          k: normal([b, g, tk, k], 2),
          v: normal([b, g, tk, k], 3),
        },
        reference: (t) => reference.causalAttention(t.q, t.k, t.v, 0.7),
        op: (t) => causalAttention(t.q, t.k, t.v, 0.7),
      }));
  }

  it('is exactly zero for queries and keys where a key is seen alone', async () => {
    // Softmax over one score is 1 whatever the score.
    const [q, k, v, dout] = [1, 2, 3, 4].map((seed) => toTensor(normal([3, 4, 1, 7], seed)));
    const gradients = tf.grads((a: tf.Tensor, b: tf.Tensor) => causalAttention(a, b, v));
    for (const gradient of gradients([q, k], dout)) {
      const values = Array.from(await gradient.data(), Math.abs);
      expect(values).toEqual(new Array(84).fill(0));
    }
    const [queries, keys] = [5, 6].map((seed) => toTensor(normal([1, 2, 5, 7], seed)));
    const first = tf.grad((a: tf.Tensor) => causalAttention(a, keys, keys))(queries);
    const rows = tf.unstack(first, 2);
    expect(Array.from(await rows[0].data(), Math.abs)).toEqual(new Array(14).fill(0));
    expect(Math.max(...Array.from(await rows[4].data(), Math.abs))).toBeGreaterThan(0);
  });
});
