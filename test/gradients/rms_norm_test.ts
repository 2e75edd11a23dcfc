import {rmsNorm} from '../../src/ops/index.js';
import {normal} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

describe('gradient of rmsNorm', () => {
  for (const shape of [[3], [1, 5], [7, 3], [2, 3, 9]]) {
    it(`at [${shape}]`, () =>
      checkGradients({
        inputs: {x: normal(shape, 1, 2), weight: normal([shape[shape.length - 1]], 2)},
        reference: ({x, weight}) => reference.rmsNorm(x, weight, 0.01),
        op: ({x, weight}) => rmsNorm(x, weight, 0.01),
      }));
  }
});
