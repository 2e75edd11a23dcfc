/** Kernels of boundaries: one row and 65,536, ranks that are no multiple of 4, a real vocabulary, parts of long products. */
import * as names from '../../../src/kernels/kernel_names.js';
import {dense, integersBelow} from '../../support/dense.js';
import * as ops from '../../support/reference_ops.js';
import {fresh, large, type Table} from './case.js';
import {conditioned, polarFactor, polarFactorGrad} from './polar.js';
import * as float64 from './references.js';
import {rvqDecode} from '../../support/rvq_reference.js';
import {rvqRounded} from './rvq_rounded.js';
import {freshSeed} from './seed.js';

/** Rows, width, rank, vocabulary, rank of the anchors. */
export const BOUNDARIES = [
  [1, 1, 1, 1, 1],
  [1, 33, 7, 3, 5],
  [35, 70, 34, 9, 33],
  [5, 1100, 6, 4, 3],
  [9, 21, 6, 50257, 5],
  [65536, 3, 2, 7, 2],
];

export function boundary([n, d, r, v, a]: number[]) {
  return {
    ids: integersBelow(v, [n], freshSeed(2)),
    projector: fresh([d, r], 3),
    anchors: fresh([v, a], 4),
    basis: fresh([a, d], 5),
  };
}

/** Matrices, height, width. */
const polars = [
  [1, 1, 1],
  [3, 9, 4],
  [2, 3, 7],
  [2, 7, 7],
  [1, 1100, 5],
  large([1, 65536, 3], [1, 4099, 3]),
];
const polarAttrs = {steps: 8, repeats: 3, finishing: 1};

/** Rows, rounds, groups, codes, width of a group. */
const rvqs = [
  [1, 1, 1, 1, 1],
  [33, 2, 3, 40, 5],
  [5, 2, 1, 65, 33],
  [65536, 2, 1, 3, 1],
];

export const BOUNDARY_TABLES: Record<string, Table> = {
  [names.BoundaryEncode]: {
    reference: ({x, ids, projector, anchors, basis}) => [
      ops.boundaryEncode(x, ids, projector, anchors, basis),
    ],
    sizes: BOUNDARIES,
    make: (size) => ({
      integers: ['ids'],
      inputs: {x: fresh([size[0], size[1]], 1), ...boundary(size)},
    }),
  },
  [names.BoundaryDecode]: {
    reference: ({z, ids, projector, anchors, basis}) => [
      ops.boundaryDecode(z, ids, projector, anchors, basis),
    ],
    sizes: BOUNDARIES,
    make: (size) => ({
      integers: ['ids'],
      inputs: {z: fresh([size[0], size[2]], 1), ...boundary(size)},
    }),
  },
  [names.PolarFactor]: {
    reference: polarFactor,
    sizes: polars,
    make: (size) => ({inputs: {y: conditioned(size, freshSeed(1))}, attrs: polarAttrs}),
  },
  [names.PolarFactorGrad]: {
    reference: polarFactorGrad,
    sizes: polars,
    make: (size) => {
      const y = conditioned(size, freshSeed(1));
      const [u] = polarFactor({y});
      const rounded = dense(size, Float32Array.from(u.values));
      return {inputs: {y, u: rounded, dy: fresh(size, 2)}, attrs: polarAttrs};
    },
  },
  [names.RvqEncode]: {
    reference: ({z, codebooks}) => [rvqRounded(z, codebooks).indices],
    sizes: rvqs,
    make: ([n, rounds, groups, codes, width]) => ({
      inputs: {
        z: fresh([n, groups * width], 1),
        codebooks: fresh([rounds, groups, codes, width], 2),
      },
    }),
  },
  [names.RvqDecode]: {
    reference: ({indices, codebooks}) => [rvqDecode(indices, codebooks)],
    sizes: rvqs,
    make: ([n, rounds, groups, codes, width]) => ({
      integers: ['indices'],
      inputs: {
        indices: integersBelow(codes, [rounds, n, groups], freshSeed(1)),
        codebooks: fresh([rounds, groups, codes, width], 2),
      },
    }),
  },
  [names.ScatterRows]: {
    reference: float64.scatterRows,
    // Rows, width, ids: some ids without rows; digits of one byte and of two; a full tile and one row more.
    sizes: [
      [1, 1, 1],
      [257, 5, 256],
      [256, 37, 300],
      [65536, 2, 50257],
      [65536, 1, 3],
    ],
    make: ([n, a, v]) => ({
      integers: ['ids'],
      inputs: {rows: fresh([n, a], 1), ids: integersBelow(v, [n], freshSeed(2))},
      attrs: {numSegments: v},
    }),
  },
};
