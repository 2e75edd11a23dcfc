import {boundaryDecode, boundaryEncode} from '../../src/ops/index.js';
import {dense, integersBelow, normal, toTensor} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

/** n positions, width d, rank r, vocabulary V, anchor width a. */
const SHAPES = [
  [1, 3, 1, 2, 1],
  [7, 5, 3, 4, 2],
  [5, 9, 9, 11, 3],
];

describe('gradients of the boundary', () => {
  for (const [n, d, r, vocab, a] of SHAPES) {
    const ids = integersBelow(vocab, [n], 7);
    const shared = {
      projector: normal([d, r], 2),
      anchors: normal([vocab, a], 3),
      basis: normal([a, d], 4),
    };

    it(`encode, n=${n} d=${d} r=${r} V=${vocab} a=${a}`, () =>
      checkGradients({
        inputs: {x: normal([n, d], 1), ...shared},
        reference: ({x, projector, anchors, basis}) =>
          reference.boundaryEncode(x, ids, projector, anchors, basis),
        op: ({x, projector, anchors, basis}) =>
          boundaryEncode(x, toTensor(ids, 'int32'), projector, anchors, basis),
      }));

    it(`decode, n=${n} d=${d} r=${r} V=${vocab} a=${a}`, () =>
      checkGradients({
        inputs: {z: normal([n, r], 1), ...shared},
        reference: ({z, projector, anchors, basis}) =>
          reference.boundaryDecode(z, ids, projector, anchors, basis),
        op: ({z, projector, anchors, basis}) =>
          boundaryDecode(z, toTensor(ids, 'int32'), projector, anchors, basis),
      }));
  }

  it('adds up the rows of an id that occurs often', () =>
    checkGradients({
      inputs: {z: normal([6, 2], 1), projector: normal([4, 2], 2), anchors: normal([3, 2], 3)},
      reference: ({z, projector, anchors}) =>
        reference.boundaryDecode(
          z,
          dense([6], [1, 1, 1, 2, 1, 1]),
          projector,
          anchors,
          normal([2, 4], 4),
        ),
      op: ({z, projector, anchors}) =>
        boundaryDecode(z, [1, 1, 1, 2, 1, 1], projector, anchors, toTensor(normal([2, 4], 4))),
    }));
});
