/** Kernels against float64, over sizes that are odd, single, no multiple of 4 and large, into memory full of garbage. */
import type * as tf from '@tensorflow/tfjs-core';
import '../../../src/kernels/composed/index.js';
import {runKernel} from '../../../src/kernels/ensure_kernel.js';
import * as names from '../../../src/kernels/kernel_names.js';
import {
  dense,
  expectClose,
  integersBelow,
  normal,
  toTensor,
  type Dense,
} from '../../support/dense.js';
import {poison} from '../../support/poison.js';
import * as float64 from './float64_references.js';

interface Case {
  /** Those named here are int32. */
  integers?: string[];
  inputs: Record<string, Dense>;
  attrs?: tf.NamedAttrMap;
}

interface Table {
  reference: (inputs: Record<string, Dense>, attrs: never) => Dense[];
  sizes: number[][];
  make: (size: number[]) => Case;
}

const positive = (source: Dense) => dense(source.shape, source.values.map(Math.abs));
const norms = (shape: number[]) => ({x: normal(shape, 1, 2), weight: normal([shape[1]], 2)});
const matrices = [
  [1, 1],
  [3, 7],
  [5, 41],
  [2, 1030],
  [65536, 3],
];
/** One position, fewer classes than invocations, a real vocabulary, many positions. */
const logits = [
  [1, 1],
  [5, 11],
  [3, 50],
  [2, 50257],
  [65536, 3],
];

const TABLES: Record<string, Table> = {
  [names.RmsNorm]: {
    reference: float64.rmsNorm,
    sizes: matrices,
    make: (size) => ({inputs: norms(size), attrs: {epsilon: 1e-5}}),
  },
  [names.RmsNormGrad]: {
    reference: float64.rmsNormGrad,
    sizes: matrices,
    make: (size) => ({inputs: {...norms(size), dy: normal(size, 3)}, attrs: {epsilon: 1e-5}}),
  },
  [names.RotaryEmbedding]: {
    reference: float64.rotaryEmbedding,
    sizes: [
      [1, 1, 1, 2],
      [2, 3, 5, 14],
      [1, 2, 3, 64],
      [1, 1, 65536, 2],
    ],
    make: ([b, h, t, k]) => ({
      inputs: {x: normal([b, h, t, k], 1), cos: normal([t, k / 2], 2), sin: normal([t, k / 2], 3)},
    }),
  },
  [names.SwiGLU]: {
    reference: float64.swiglu,
    sizes: matrices,
    make: (size) => ({inputs: {gate: normal(size, 1, 4), up: normal(size, 2)}}),
  },
  [names.SwiGLUGrad]: {
    reference: float64.swigluGrad,
    sizes: matrices,
    make: (size) => ({
      inputs: {gate: normal(size, 1, 4), up: normal(size, 2), dy: normal(size, 3)},
    }),
  },
  [names.SparseCrossEntropy]: {
    reference: float64.sparseCrossEntropy,
    sizes: logits,
    make: ([n, v]) => ({
      integers: ['targets'],
      inputs: {logits: normal([n, v], 1, 4), targets: integersBelow(v, [n], 2)},
    }),
  },
  [names.SparseCrossEntropyGrad]: {
    reference: float64.sparseCrossEntropyGrad,
    sizes: logits,
    make: ([n, v]) => {
      const inputs = {logits: normal([n, v], 1, 4), targets: integersBelow(v, [n], 2)};
      const [, lse] = float64.sparseCrossEntropy(inputs);
      const rounded = dense(lse.shape, Float32Array.from(lse.values));
      return {integers: ['targets'], inputs: {...inputs, lse: rounded, dloss: normal([n], 3)}};
    },
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
      inputs: {rows: normal([n, a], 1), ids: integersBelow(v, [n], 2)},
      attrs: {numSegments: v},
    }),
  },
  [names.AdamWUpdate]: {
    reference: float64.adamWUpdate,
    sizes: [[1], [7, 3], [65536, 3]],
    make: (size) => ({
      inputs: {
        value: normal(size, 1),
        gradient: normal(size, 2),
        first: normal(size, 3),
        second: positive(normal(size, 4)),
      },
      attrs: {learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, t: 7},
    }),
  },
  [names.MuonUpdate]: {
    reference: float64.muonUpdate,
    sizes: [[1], [7, 3], [65536, 3]],
    make: (size) => ({
      inputs: {momentum: normal(size, 1), gradient: normal(size, 2)},
      attrs: {beta: 0.95, nesterov: true},
    }),
  },
  [names.GlobalNorm]: {
    reference: float64.globalNorm,
    sizes: [[1], [7, 3], [65536, 3]],
    make: (size) => ({inputs: {0: normal([5], 1), 1: normal(size, 2), 2: normal([4, 4], 3)}}),
  },
};

describe('kernels in float32 against float64', () => {
  for (const [name, {reference, sizes, make}] of Object.entries(TABLES)) {
    for (const size of sizes) {
      it(`${name} at [${size}]`, async () => {
        const {inputs, integers = [], attrs = {}} = make(size);
        const expected = reference(inputs, attrs as never);
        const tensors = Object.entries(inputs).map(([key, value]) => [
          key,
          toTensor(value, integers.includes(key) ? 'int32' : 'float32'),
        ]);
        await poison(expected.map(({shape}) => shape));
        const result = runKernel<tf.Tensor | tf.Tensor[]>(name, Object.fromEntries(tensors), attrs);
        const actual = Array.isArray(result) ? result : [result];
        expect(actual.length).toBe(expected.length);
        for (const [i, tensor] of actual.entries()) {
          await expectClose(tensor, expected[i], 1e-5, `output ${i}`);
        }
      });
    }
  }
});
