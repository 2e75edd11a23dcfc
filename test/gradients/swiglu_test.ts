import {swiglu} from '../../src/ops/index.js';
import {normal} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

describe('gradient of swiglu', () => {
  for (const shape of [[1], [3, 5], [2, 3, 7]]) {
    it(`at [${shape}]`, () =>
      checkGradients({
        inputs: {gate: normal(shape, 1, 2), up: normal(shape, 2)},
        reference: ({gate, up}) => reference.swiglu(gate, up),
        op: ({gate, up}) => swiglu(gate, up),
      }));
  }
});
