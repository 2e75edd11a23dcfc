/** Every kernel that a backend has of its own must agree with the composed reference. */
import * as tf from '@tensorflow/tfjs-core';
import '../../../src/ops/index.js';
import '../../../src/kernels/composed/index.js';
import {
  composedKernel,
  composedKernelNames,
  runKernel,
} from '../../../src/kernels/ensure_kernel.js';
import * as names from '../../../src/kernels/kernel_names.js';
import {dense, expectClose, integersBelow, normal, toTensor} from '../../support/dense.js';

interface KernelCase {
  inputs: Record<string, tf.Tensor>;
  attrs?: tf.NamedAttrMap;
}

const float = (shape: number[], seed: number, scale = 1) => toTensor(normal(shape, seed, scale));
const ids = (limit: number, count: number) => toTensor(integersBelow(limit, [count], 5), 'int32');

function attention(shape: number[], groups: number, keys: number): Record<string, tf.Tensor> {
  const [batch, , , width] = shape;
  const kv = [batch, groups, keys, width];
  return {q: float(shape, 1), k: float(kv, 2), v: float(kv, 3)};
}

function attentionGrad(shape: number[], groups: number, keys: number): KernelCase {
  const inputs = attention(shape, groups, keys);
  const attrs = {scale: 0.4};
  const [out, lse] = composedKernel(names.CausalAttention)(inputs, attrs) as tf.Tensor[];
  return {inputs: {...inputs, out, lse, dout: float(shape, 4)}, attrs};
}

function crossEntropyGrad(rows: number, classes: number): KernelCase {
  const inputs = {logits: float([rows, classes], 1, 3), targets: ids(classes, rows)};
  const [, lse] = composedKernel(names.SparseCrossEntropy)(inputs, {}) as tf.Tensor[];
  return {inputs: {...inputs, lse, dloss: float([rows], 2)}};
}

const POLAR = {steps: 8, repeats: 3, finishing: 1};

/**
 * Words of halves: none of infinity or NaN, which no difference tells apart, and multiples of 256, as tfjs-webgpu computes with
 * integers in float32. `half_test.ts` has them all.
 */
const halves = (count: number) => {
  const {values} = integersBelow(2 ** 32, [count], 6);
  const words = Int32Array.from(values, (word) => (word | 0) & ~0x400040ff);
  return tf.tensor1d(words, 'int32');
};

/** Rows, rounds, groups, codes, width of a code. */
const RVQ_SIZES = [
  [1, 1, 1, 1, 1],
  [7, 2, 3, 5, 3],
  [70, 3, 2, 37, 5],
];

/** Inputs for each kernel; odd sizes, sizes that are no multiple of 4, and one of everything. */
const CASES: Record<string, () => KernelCase[]> = {
  [names.BoundaryEncode]: () =>
    [
      [1, 1, 1, 1, 1],
      [9, 21, 5, 6, 3],
    ].map(([n, d, r, v, a]) => ({
      inputs: {
        x: float([n, d], 1),
        ids: ids(v, n),
        projector: float([d, r], 2),
        anchors: float([v, a], 3),
        basis: float([a, d], 4),
      },
    })),
  [names.BoundaryDecode]: () =>
    [
      [1, 1, 1, 1, 1],
      [9, 21, 5, 6, 3],
    ].map(([n, d, r, v, a]) => ({
      inputs: {
        z: float([n, r], 1),
        ids: ids(v, n),
        projector: float([d, r], 2),
        anchors: float([v, a], 3),
        basis: float([a, d], 4),
      },
    })),
  [names.PolarFactor]: () => [
    {inputs: {y: float([2, 7, 3], 1)}, attrs: POLAR},
    {inputs: {y: float([1, 3, 8], 2)}, attrs: POLAR},
  ],
  [names.PolarFactorGrad]: () =>
    [
      [2, 7, 3],
      [1, 3, 8],
    ].map((shape) => {
      const y = float(shape, 1);
      const u = composedKernel(names.PolarFactor)({y}, POLAR) as tf.Tensor;
      return {inputs: {y, u, dy: float(shape, 2)}, attrs: POLAR};
    }),
  [names.RmsNorm]: () =>
    [
      [1, 1],
      [5, 7],
      [3, 130],
    ].map(([n, d]) => ({
      inputs: {x: float([n, d], 1), weight: float([d], 2)},
      attrs: {epsilon: 1e-5},
    })),
  [names.RmsNormGrad]: () =>
    [
      [1, 1],
      [5, 7],
      [3, 130],
    ].map(([n, d]) => ({
      inputs: {x: float([n, d], 1), weight: float([d], 2), dy: float([n, d], 3)},
      attrs: {epsilon: 1e-5},
    })),
  [names.RotaryEmbedding]: () =>
    [
      [1, 1, 1, 2],
      [2, 3, 5, 14],
    ].map(([b, h, t, k]) => ({
      inputs: {x: float([b, h, t, k], 1), cos: float([t, k / 2], 2), sin: float([t, k / 2], 3)},
    })),
  [names.SwiGLU]: () =>
    [
      [1, 1],
      [5, 7],
      [3, 130],
    ].map((shape) => ({inputs: {gate: float(shape, 1, 3), up: float(shape, 2)}})),
  [names.SwiGLUGrad]: () =>
    [
      [1, 1],
      [5, 7],
      [3, 130],
    ].map((shape) => ({
      inputs: {gate: float(shape, 1, 3), up: float(shape, 2), dy: float(shape, 3)},
    })),
  [names.CausalAttention]: () => [
    {inputs: attention([1, 1, 1, 2], 1, 1), attrs: {scale: 1}},
    {inputs: attention([2, 6, 5, 6], 2, 5), attrs: {scale: 0.4}},
    {inputs: attention([1, 4, 3, 5], 4, 9), attrs: {scale: 0.4}},
  ],
  [names.CausalAttentionGrad]: () => [
    attentionGrad([1, 1, 1, 2], 1, 1),
    attentionGrad([2, 6, 5, 6], 2, 5),
    attentionGrad([1, 4, 3, 5], 4, 9),
  ],
  [names.SparseCrossEntropy]: () =>
    [
      [1, 1],
      [7, 13],
      [3, 300],
    ].map(([n, v]) => ({inputs: {logits: float([n, v], 1, 3), targets: ids(v, n)}})),
  [names.SparseCrossEntropyGrad]: () => [
    crossEntropyGrad(1, 1),
    crossEntropyGrad(7, 13),
    crossEntropyGrad(3, 300),
  ],
  [names.RvqEncode]: () =>
    RVQ_SIZES.map(([n, rounds, groups, codes, width]) => ({
      inputs: {
        z: float([n, groups * width], 1),
        codebooks: float([rounds, groups, codes, width], 2),
      },
    })),
  [names.RvqDecode]: () =>
    RVQ_SIZES.map(([n, rounds, groups, codes, width]) => ({
      inputs: {
        indices: toTensor(integersBelow(codes, [rounds, n, groups], 5), 'int32'),
        codebooks: float([rounds, groups, codes, width], 2),
      },
    })),
  [names.ScatterRows]: () => [
    {inputs: {rows: float([1, 1], 1), ids: ids(1, 1)}, attrs: {numSegments: 1}},
    {inputs: {rows: float([11, 5], 1), ids: ids(7, 11)}, attrs: {numSegments: 9}},
  ],
  [names.PackHalf]: () =>
    [[1], [7, 5], [2, 3, 4]].map((shape) => ({inputs: {x: float(shape, 1, 3)}})),
  [names.UnpackHalf]: () =>
    [[1], [7, 5], [2, 3, 4]].map((shape) => ({
      inputs: {packed: halves(Math.ceil(shape.reduce((a, b) => a * b) / 2))},
      attrs: {shape},
    })),
  [names.AdamWUpdate]: () =>
    [[1], [7, 5], [33, 4]].map((shape) => ({
      inputs: {
        value: float(shape, 1),
        gradient: float(shape, 2),
        first: float(shape, 3),
        second: tf.square(float(shape, 4)),
      },
      attrs: {learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, t: 3},
    })),
  [names.MuonUpdate]: () =>
    [[1], [7, 5], [33, 4]].flatMap((shape) =>
      [true, false].map((nesterov) => ({
        inputs: {momentum: float(shape, 1), gradient: float(shape, 2)},
        attrs: {beta: 0.95, nesterov},
      })),
    ),
  [names.GlobalNorm]: (): KernelCase[] => [
    {inputs: {0: float([1], 1)}},
    {inputs: {0: float([3, 5], 1), 1: float([], 2), 2: float([2, 3, 4], 3), 3: float([5000], 4)}},
  ],
};

describe('kernels of this backend', () => {
  it('are all tested here', () => {
    expect(Object.keys(CASES).sort()).toEqual(composedKernelNames().sort());
  });

  for (const [name, cases] of Object.entries(CASES)) {
    it(`${name} agrees with the composed reference, and with itself bit for bit`, async () => {
      for (const {inputs, attrs} of cases()) {
        const list = (out: tf.Tensor | tf.Tensor[]) => (Array.isArray(out) ? out : [out]);
        const expected = list(composedKernel(name)(inputs, attrs ?? {}));
        const actual = list(runKernel(name, inputs, attrs));
        const again = list(runKernel(name, inputs, attrs));
        expect(actual.length).toBe(expected.length);
        for (const [i, tensor] of actual.entries()) {
          const reference = dense(expected[i].shape, await expected[i].data());
          await expectClose(tensor, reference, 2e-5, `${name}, output ${i}`);
          expect(Array.from(await again[i].data())).toEqual(Array.from(await tensor.data()));
        }
      }
    });

    it(`${name} keeps no tensors`, () => {
      const {inputs, attrs} = cases()[0];
      tf.dispose(runKernel(name, inputs, attrs));
      const before = [tf.memory().numTensors, tf.backend().numDataIds()];
      tf.dispose(runKernel(name, inputs, attrs));
      expect([tf.memory().numTensors, tf.backend().numDataIds()]).toEqual(before);
    });
  }
});
