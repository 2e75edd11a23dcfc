import {rotaryEmbedding} from '../../src/ops/index.js';
import {normal} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

describe('gradient of rotaryEmbedding', () => {
  for (const shape of [
    [1, 1, 1, 2],
    [2, 3, 4, 6],
    [5, 10],
  ]) {
    const [time, width] = shape.slice(-2);
    it(`at [${shape}]`, () =>
      checkGradients({
        inputs: {
          x: normal(shape, 1),
          cos: normal([time, width / 2], 2),
          sin: normal([time, width / 2], 3),
        },
        reference: ({x, cos, sin}) => reference.rotaryEmbedding(x, cos, sin),
        op: ({x, cos, sin}) => rotaryEmbedding(x, cos, sin),
      }));
  }
});
