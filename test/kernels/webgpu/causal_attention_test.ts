/** Attention in tiles: sizes around a tile's edge, shared and wide heads, fewer queries than keys, long sequences. */
import type * as tf from '@tensorflow/tfjs-core';
import '../../../src/ops/index.js';
import {runKernel} from '../../../src/kernels/ensure_kernel.js';
import {CausalAttention, CausalAttentionGrad} from '../../../src/kernels/kernel_names.js';
import {expectClose, normal, toTensor} from '../../support/dense.js';
import {attentionFloat64} from '../float64/attention.js';
import {poison} from '../../support/poison.js';

/** Batch, heads, groups, queries, keys, width. */
const SHAPES = [
  [1, 1, 1, 1, 1, 8],
  [1, 2, 1, 31, 33, 16],
  [1, 4, 1, 33, 33, 24],
  [2, 4, 2, 1, 40, 64],
  [1, 2, 2, 65, 65, 5],
  [1, 2, 1, 5, 70, 20],
  [1, 1, 1, 34, 34, 128],
  [1, 2, 1, 3, 35, 130],
  [1, 1, 1, 2, 2, 260],
  [1, 1, 1, 1025, 1025, 8],
];

describe('CausalAttention in tiles', () => {
  for (const [b, h, g, tq, tk, w] of SHAPES) {
    it(`b=${b} heads=${h}/${g} queries=${tq} keys=${tk} width=${w}, and its gradient, as in float64`, async () => {
      const [q, dout] = [normal([b, h, tq, w], 1), normal([b, h, tq, w], 4)];
      const [k, v] = [normal([b, g, tk, w], 2), normal([b, g, tk, w], 3)];
      const scale = 1 / Math.sqrt(w);
      const expected = attentionFloat64(q, k, v, dout, scale);
      const inputs = {q: toTensor(q), k: toTensor(k), v: toTensor(v)};

      await poison([q.shape, [b, h, tq], k.shape]);
      const [out, lse] = runKernel<tf.Tensor[]>(CausalAttention, inputs, {scale});
      await expectClose(out, expected.out, 1e-5, 'out');
      await expectClose(lse, expected.lse, 1e-5, 'lse');

      await poison([q.shape, [b, h, tq], k.shape, k.shape]);
      const gradInputs = {...inputs, out, lse, dout: toTensor(dout)};
      const grads = () => runKernel<tf.Tensor[]>(CausalAttentionGrad, gradInputs, {scale});
      const first = grads();
      await expectClose(first[0], expected.dq, 1e-5, 'dq');
      await expectClose(first[1], expected.dk, 1e-5, 'dk');
      await expectClose(first[2], expected.dv, 1e-5, 'dv');
      for (const [i, again] of grads().entries()) {
        expect(Array.from(await again.data())).toEqual(Array.from(await first[i].data()));
      }
    });
  }
});
