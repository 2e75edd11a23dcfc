/** Inputs for the native kernels: shapes that fill vectors and blocks, shapes that do not, and single elements. */
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamWUpdate,
  BoundaryDecode,
  BoundaryEncode,
  CausalAttention,
  CausalAttentionGrad,
  GlobalNorm,
  MuonUpdate,
  PackHalf,
  PolarFactor,
  RmsNorm,
  RmsNormGrad,
  RotaryEmbedding,
  RvqDecode,
  RvqEncode,
  ScatterRows,
  SparseCrossEntropy,
  SparseCrossEntropyGrad,
  SwiGLU,
  SwiGLUGrad,
  UnpackHalf,
} from '../../../src/kernels/kernel_names.js';

export interface NativeCase {
  kernel: string;
  /** Shapes in words. */
  name: string;
  inputs: () => tf.NamedTensorMap;
  attrs: tf.NamedAttrMap;
  /** Largest error relative to the largest value of the reference, or to 0.1 if that is more. */
  tolerance: number;
}

let seed = 1;

function normal(shape: number[], scale = 1): tf.Tensor {
  return tf.randomNormal(shape, 0, scale, 'float32', seed++);
}

function ids(count: number, limit: number): tf.Tensor1D {
  const values = Int32Array.from({length: count}, (_, i) => ((i + 3) * 7919 + (i % 5)) % limit);
  return tf.tensor1d(values, 'int32');
}

function add(
  list: NativeCase[],
  kernel: string,
  shape: unknown,
  inputs: () => tf.NamedTensorMap,
  attrs: tf.NamedAttrMap = {},
  tolerance = 2e-6,
): void {
  list.push({kernel, name: JSON.stringify(shape), inputs, attrs, tolerance});
}

function makeCases(): NativeCase[] {
  const list: NativeCase[] = [];
  for (const [n, d] of [
    [1, 1],
    [1, 256],
    [3, 7],
    [100, 33],
    [1024, 256],
    [5000, 129],
  ]) {
    const x = () => normal([n, d]);
    const weight = () => normal([d]);
    const attrs = {epsilon: 1e-5};
    add(list, RmsNorm, [n, d], () => ({x: x(), weight: weight()}), attrs);
    const gradInputs = () => ({x: x(), weight: weight(), dy: x()});
    add(list, RmsNormGrad, [n, d], gradInputs, attrs, 4e-6);
    add(list, SwiGLU, [n, d], () => ({gate: normal([n, d], 4), up: x()}));
    add(list, SwiGLUGrad, [n, d], () => ({gate: normal([n, d], 4), up: x(), dy: x()}));
    const step = {learningRate: 1e-2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1};
    add(
      list,
      AdamWUpdate,
      [n, d],
      () => ({value: x(), gradient: x(), first: x(), second: tf.square(x())}),
      {...step, t: n},
    );
    for (const nesterov of [true, false]) {
      const shape = [n, d, nesterov];
      const given = () => ({momentum: x(), gradient: x()});
      add(list, MuonUpdate, shape, given, {beta: 0.95, nesterov});
    }
    const words = Math.ceil((n * d) / 2);
    add(list, PackHalf, [n, d], () => ({x: x()}));
    // Finite halves in both places.
    const packed = () => tf.mul(ids(words, 0x7c00), tf.scalar(0x10001, 'int32'));
    add(list, UnpackHalf, [n, d], () => ({packed: packed()}), {shape: [n, d]});
    add(list, GlobalNorm, [[n, d], [d], []], () => ({0: x(), 1: weight(), 2: tf.scalar(-3)}));
  }
  for (const [b, h, t, k] of [
    [1, 1, 1, 2],
    [2, 3, 5, 6],
    [8, 4, 128, 64],
  ]) {
    add(list, RotaryEmbedding, [b, h, t, k], () => ({
      x: normal([b, h, t, k]),
      cos: normal([t, k / 2]),
      sin: normal([t, k / 2]),
    }));
  }
  for (const [b, h, g, tq, tk, k] of [
    [1, 1, 1, 1, 1, 1],
    [8, 4, 4, 128, 128, 64],
    [2, 8, 2, 128, 128, 32],
    [2, 6, 2, 65, 65, 33],
    [2, 4, 2, 1, 77, 16],
    [1, 4, 4, 3, 130, 128],
    [3, 2, 1, 70, 200, 5],
    [1, 2, 1, 300, 300, 7],
    [1, 1, 1, 2048, 2048, 8],
  ]) {
    const inputs = () => ({
      q: normal([b, h, tq, k]),
      k: normal([b, g, tk, k]),
      v: normal([b, g, tk, k]),
    });
    const attrs = {scale: 1 / Math.sqrt(k)};
    const shape = {q: [b, h, tq, k], kv: [b, g, tk, k]};
    add(list, CausalAttention, shape, inputs, attrs, 4e-6);
    const gradInputs = () => {
      const given = inputs();
      const [out, lse] = tf.engine().runKernel(CausalAttention, given, attrs) as tf.Tensor[];
      return {...given, out, lse, dout: normal([b, h, tq, k])};
    };
    add(list, CausalAttentionGrad, shape, gradInputs, attrs, 1e-5);
  }
  for (const [n, classes] of [
    [1, 2],
    [33, 17],
    [7, 50257],
    [1024, 2048],
  ]) {
    const inputs = () => ({logits: normal([n, classes], 5), targets: ids(n, classes)});
    add(list, SparseCrossEntropy, [n, classes], inputs);
    add(list, SparseCrossEntropyGrad, [n, classes], () => {
      const given = inputs();
      const [, lse] = tf.engine().runKernel(SparseCrossEntropy, given) as tf.Tensor[];
      return {...given, lse, dloss: normal([n])};
    });
  }
  for (const [n, segments, width] of [
    [1, 1, 1],
    [50, 7, 33],
    [300, 5, 130],
    [1024, 2048, 256],
  ]) {
    const inputs = () => ({rows: normal([n, width]), ids: ids(n, segments)});
    add(list, ScatterRows, [n, segments, width], inputs, {numSegments: segments});
  }
  for (const [n, d, r, vocabulary, a] of [
    [1, 1, 1, 1, 1],
    [49, 33, 5, 7, 3],
    [130, 256, 64, 50, 64],
    [65, 300, 130, 50257, 70],
    [65536, 8, 2, 9, 2],
  ]) {
    const shared = () => ({
      ids: ids(n, vocabulary),
      projector: normal([d, r]),
      anchors: normal([vocabulary, a]),
      basis: normal([a, d]),
    });
    const shape = {n, d, r, vocabulary, a};
    add(list, BoundaryEncode, shape, () => ({x: normal([n, d]), ...shared()}), {}, 4e-6);
    add(list, BoundaryDecode, shape, () => ({z: normal([n, r]), ...shared()}), {}, 4e-6);
  }
  for (const shape of [
    [1, 1, 1],
    [3, 7, 3],
    [2, 5, 33],
    [1, 256, 64],
    [2, 97, 70],
    [1, 600, 40],
  ]) {
    const steps = {steps: 8, repeats: 3, finishing: 1};
    add(list, PolarFactor, shape, () => ({y: normal(shape)}), steps, 4e-5);
  }
  for (const [rounds, groups, codes, width, n] of [
    [1, 1, 1, 1, 1],
    [2, 3, 5, 2, 7],
    [3, 4, 64, 5, 66],
    [2, 8, 257, 8, 300],
    [1, 2, 31, 40, 129],
    [1, 1, 4, 2, 65536],
  ]) {
    const codebooks = () => normal([rounds, groups, codes, width]);
    const shape = {rounds, groups, codes, width, n};
    // Equal indices, not nearly equal ones.
    const z = () => normal([n, groups * width]);
    add(list, RvqEncode, shape, () => ({z: z(), codebooks: codebooks()}), {}, 1e-9);
    add(list, RvqDecode, shape, () => ({
      indices: tf.reshape(ids(rounds * n * groups, codes), [rounds, n, groups]),
      codebooks: codebooks(),
    }));
  }
  return list;
}

export const CASES = makeCases();
