import {causalAttention} from '../../src/ops/index.js';
import {normal} from '../support/dense.js';
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
});
