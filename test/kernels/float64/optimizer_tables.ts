/** Kernels of optimizers: one number, odd sizes that are no whole number of vectors, 65,536 rows. */
import * as names from '../../../src/kernels/kernel_names.js';
import {dense} from '../../support/dense.js';
import {fresh, type Table} from './case.js';
import * as float64 from './references.js';

const sizes = [[1], [7, 3], [65536, 3]];

function absolute(shape: number[], index: number) {
  return dense(shape, fresh(shape, index).values.map(Math.abs));
}

export const OPTIMIZER_TABLES: Record<string, Table> = {
  [names.AdamWUpdate]: {
    reference: float64.adamWUpdate,
    sizes,
    make: (size) => ({
      inputs: {
        value: fresh(size, 1),
        gradient: fresh(size, 2),
        first: fresh(size, 3),
        second: absolute(size, 4),
      },
      attrs: {learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, t: 7},
    }),
  },
  [names.MuonUpdate]: {
    reference: float64.muonUpdate,
    sizes,
    make: (size) => ({
      inputs: {momentum: fresh(size, 1), gradient: fresh(size, 2)},
      attrs: {beta: 0.95, nesterov: true},
    }),
  },
  [names.GlobalNorm]: {
    reference: float64.globalNorm,
    sizes,
    make: (size) => ({inputs: {0: fresh([5], 1), 1: fresh(size, 2), 2: fresh([4, 4], 3)}}),
  },
};
