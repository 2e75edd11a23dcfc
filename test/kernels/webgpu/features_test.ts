/** Kernels without a feature, within smaller limits, and past the limits. */
import * as tf from '@tensorflow/tfjs-core';
import '../../../src/kernels/composed/index.js';
import {runKernel} from '../../../src/kernels/ensure_kernel.js';
import * as names from '../../../src/kernels/kernel_names.js';
import {
  webgpuFeatures,
  withWebgpuFeatures,
  type WebgpuFeatures,
} from '../../../src/kernels/webgpu/features.js';
import {checkBindings, splitDispatch} from '../../../src/kernels/webgpu/limits.js';
import {dense, expectClose, integersBelow, normal, toTensor} from '../../support/dense.js';
import {poison} from '../../support/poison.js';
import {describeWebgpu, webgpuBackend} from './webgpu_spec.js';

const float = (shape: number[], seed: number) => toTensor(normal(shape, seed));
const ids = (limit: number, count: number) => toTensor(integersBelow(limit, [count], 5), 'int32');

/** Inputs with many workgroups, of kernels with each way of counting them. */
const CASES: Record<string, () => [inputs: tf.NamedTensorMap, attrs?: tf.NamedAttrMap]> = {
  [names.RmsNorm]: () => [{x: float([23, 70], 1), weight: float([70], 2)}, {epsilon: 1e-5}],
  [names.RmsNormGrad]: () => [
    {x: float([23, 70], 1), weight: float([70], 2), dy: float([23, 70], 3)},
    {epsilon: 1e-5},
  ],
  [names.SparseCrossEntropy]: () => [{logits: float([23, 300], 1), targets: ids(300, 23)}],
  [names.CausalAttention]: () => [
    {q: float([5, 4, 1, 3], 1), k: float([5, 2, 2, 3], 2), v: float([5, 2, 2, 3], 3)},
    {scale: 0.5},
  ],
  [names.SwiGLU]: () => [{gate: float([23, 301], 1), up: float([23, 301], 2)}],
  [names.ScatterRows]: () => [{rows: float([2600, 40], 1), ids: ids(50, 2600)}, {numSegments: 50}],
  [names.PackHalf]: () => [{x: float([23, 301], 1)}],
  [names.UnpackHalf]: () => [{packed: ids(0x7c00, 3000)}, {shape: [5999]}],
  [names.GlobalNorm]: () => [
    Object.fromEntries(Array.from({length: 11}, (_, i) => [i, float([30 * 300], i)])),
  ],
};

async function agree(name: string, features: Partial<WebgpuFeatures>): Promise<void> {
  const [inputs, attrs] = CASES[name]();
  const outputs = (): tf.Tensor[] => {
    const out = runKernel<tf.Tensor | tf.Tensor[]>(name, inputs, attrs);
    return Array.isArray(out) ? out : [out];
  };
  const expected = outputs();
  await poison(expected.map(({shape}) => shape));
  const actual = withWebgpuFeatures(webgpuBackend(), features, outputs);
  for (const [i, tensor] of actual.entries()) {
    const reference = dense(expected[i].shape, await expected[i].data());
    await expectClose(tensor, reference, 1e-6, `${name}, output ${i}`);
  }
}

describeWebgpu('a device', () => {
  it('is asked for its features once', () => {
    const features = webgpuFeatures(webgpuBackend());
    expect(webgpuFeatures(webgpuBackend())).toBe(features);
    const {device} = webgpuBackend();
    expect(features.subgroups).toBe(device.features.has('subgroups'));
    expect(features.maxBufferSize).toBe(device.limits.maxBufferSize);
  });

  for (const name of Object.keys(CASES)) {
    it(`without subgroups runs ${name}`, () => agree(name, {subgroups: false}));

    it(`that takes 6 workgroups a dimension runs ${name}`, () =>
      agree(name, {maxComputeWorkgroupsPerDimension: 6}));
  }

  it('gets no tensor that it cannot bind, and the message says why', () => {
    const inputs = {x: tf.ones([20, 30]), weight: tf.ones([30])};
    const run = () => runKernel(names.RmsNorm, inputs, {epsilon: 1e-5});
    const small = {maxStorageBufferBindingSize: 2000};
    expect(() => withWebgpuFeatures(webgpuBackend(), small, run)).toThrowError(
      `webgpu: 'x' [20,30] of RmsNorm takes 2400 bytes; the device binds at most 2000 ` +
        `(limit maxStorageBufferBindingSize). Use a smaller batch or shorter sequences, or another backend.`,
    );
  });
});

describe('limits of WebGPU', () => {
  const limits = {maxComputeWorkgroupsPerDimension: 10} as WebgpuFeatures;

  for (const count of [0, 1, 10, 11, 99, 100, 101, 999, 1000]) {
    it(`split ${count} workgroups`, () => {
      const grid = splitDispatch(count, limits);
      expect(Math.max(...grid)).toBeLessThanOrEqual(10);
      const [x, y, z] = grid;
      expect(x * y * z).toBeGreaterThanOrEqual(count);
      expect(x * y * z).toBeLessThanOrEqual(Math.max(1, 1.35 * count));
    });
  }

  it('refuse more workgroups than three dimensions hold', () => {
    expect(() => splitDispatch(1001, limits, 'RmsNorm')).toThrowError(
      /RmsNorm needs 1001 workgroups.*maxComputeWorkgroupsPerDimension/,
    );
  });

  it('refuse buffers and bindings by the limit that is met first', () => {
    const features = {
      maxBufferSize: 100,
      maxStorageBufferBindingSize: 200,
      maxStorageBuffersPerShaderStage: 2,
    } as WebgpuFeatures;
    const x = {shape: [5, 5]};
    expect(() => checkBindings({x, y: x}, features, 'P')).not.toThrow();
    expect(() => checkBindings({x: {shape: [26]}}, features, 'P')).toThrowError(/maxBufferSize/);
    expect(() => checkBindings({x, y: x, z: x}, features, 'P')).toThrowError(
      /binds 3 tensors; the device takes 2 \(limit maxStorageBuffersPerShaderStage\)/,
    );
  });
});
