/** The kernels that are compared with their compositions of tfjs ops, at sizes of a model worth training on a GPU. */
import * as tf from '@tensorflow/tfjs-core';
import {composedKernel} from '../../src/kernels/ensure_kernel.js';
import * as names from '../../src/kernels/kernel_names.js';

export interface KernelCase {
  kernel: string;
  /** In words, for the table. */
  sizes: string;
  inputs: tf.NamedTensorMap;
  attrs?: tf.NamedAttrMap;
  /** Arithmetic of the algorithm, where that and not memory bounds it. */
  flops?: number;
}

type CaseMaker = (quick: boolean) => KernelCase;

const float = (shape: number[], scale = 1) => tf.randomNormal(shape, 0, scale, 'float32', 1);
const ids = (limit: number, shape: number[]) =>
  tf.cast(tf.randomUniform(shape, 0, limit, 'float32', 1), 'int32');

function attention(quick: boolean, groups: number) {
  const [b, h, t, w] = quick ? [1, 4, 8, 8] : [8, 16, 512, 64];
  const g = quick ? Math.min(groups, 4) : groups;
  const inputs = {q: float([b, h, t, w]), k: float([b, g, t, w]), v: float([b, g, t, w])};
  // Half of the scores are hidden.
  const product = b * h * t * t * w;
  const attrs = {scale: 1 / Math.sqrt(w)};
  return {inputs, attrs, product, sizes: `${b}×${h}/${g} heads, ${t} positions, ${w} wide`};
}

const attentionCase =
  (groups: number): CaseMaker =>
  (quick) => {
    const {inputs, attrs, product, sizes} = attention(quick, groups);
    return {kernel: names.CausalAttention, inputs, attrs, sizes, flops: 2 * product};
  };

const attentionGradCase =
  (groups: number): CaseMaker =>
  (quick) => {
    const {inputs, attrs, product, sizes} = attention(quick, groups);
    const [out, lse] = tf.tidy(
      () => composedKernel(names.CausalAttention)(inputs, attrs) as tf.Tensor[],
    );
    const all = {...inputs, out, lse, dout: float(out.shape)};
    return {kernel: names.CausalAttentionGrad, inputs: all, attrs, sizes, flops: 5 * product};
  };

const rows = (quick: boolean): [number, number] => (quick ? [6, 40] : [8192, 1024]);

const crossEntropy =
  (grad: boolean): CaseMaker =>
  (quick) => {
    const [n, v] = quick ? [5, 70] : [1000, 32000];
    const inputs = {logits: float([n, v]), targets: ids(v, [n])};
    const sizes = `${n}×${v}`;
    if (!grad) return {kernel: names.SparseCrossEntropy, inputs, sizes};
    const lse = tf.logSumExp(inputs.logits, 1);
    const all = {...inputs, lse, dloss: tf.fill([n], 1 / n)};
    return {kernel: names.SparseCrossEntropyGrad, inputs: all, sizes};
  };

const boundary =
  (decode: boolean): CaseMaker =>
  (quick) => {
    const [n, d, r, v] = quick ? [6, 16, 4, 9] : [8192, 1024, 64, 32000];
    const shared = {
      ids: ids(v, [n]),
      projector: float([d, r], d ** -0.5),
      anchors: float([v, r]),
      basis: float([r, d]),
    };
    const sizes = `${n} rows, ${d} → ${r}`;
    if (decode) {
      const inputs = {z: float([n, r]), ...shared};
      return {kernel: names.BoundaryDecode, inputs, sizes, flops: 4 * n * r * d};
    }
    const inputs = {x: float([n, d]), ...shared};
    return {kernel: names.BoundaryEncode, inputs, sizes, flops: 2 * n * (d + r) * r};
  };

const polar =
  (batch: number, m: number, n: number): CaseMaker =>
  (quick) => {
    const shape = quick ? [2, 12, 4] : [batch, m, n];
    const [b, rowsOf, columns] = shape;
    const steps = {steps: 8, repeats: 3, finishing: 1};
    const flops = 12 * b * (4 * rowsOf * columns ** 2 + 2 * columns ** 3);
    return {
      kernel: names.PolarFactor,
      inputs: {y: float(shape)},
      attrs: steps,
      sizes: shape.join('×'),
      flops,
    };
  };

const rvq =
  (decode: boolean): CaseMaker =>
  (quick): KernelCase => {
    const [n, rounds, groups, codes, width] = quick ? [8, 2, 2, 9, 3] : [8192, 4, 4, 256, 16];
    const codebooks = float([rounds, groups, codes, width]);
    const sizes = `${n} rows, ${rounds} rounds, ${groups} groups of ${width}, ${codes} codes`;
    if (decode) {
      const indices = ids(codes, [rounds, n, groups]);
      return {kernel: names.RvqDecode, inputs: {indices, codebooks}, sizes};
    }
    const flops = 3 * rounds * n * groups * codes * width;
    const z = float([n, groups * width]);
    return {kernel: names.RvqEncode, inputs: {z, codebooks}, sizes, flops};
  };

export const KERNEL_CASES: readonly CaseMaker[] = [
  attentionCase(16),
  attentionCase(4),
  attentionGradCase(16),
  attentionGradCase(4),
  (quick) => {
    const [n, d] = rows(quick);
    const inputs = {x: float([n, d]), weight: float([d])};
    return {kernel: names.RmsNorm, inputs, attrs: {epsilon: 1e-5}, sizes: `${n}×${d}`};
  },
  (quick) => {
    const [n, d] = rows(quick);
    const inputs = {x: float([n, d]), weight: float([d]), dy: float([n, d])};
    return {kernel: names.RmsNormGrad, inputs, attrs: {epsilon: 1e-5}, sizes: `${n}×${d}`};
  },
  (quick) => {
    const shape = quick ? [1, 2, 8, 8] : [8, 16, 512, 64];
    const table = [shape[2], shape[3] / 2];
    const inputs = {x: float(shape), cos: float(table), sin: float(table)};
    return {kernel: names.RotaryEmbedding, inputs, sizes: shape.join('×')};
  },
  (quick) => {
    const shape = rows(quick);
    const inputs = {gate: float(shape), up: float(shape)};
    return {kernel: names.SwiGLU, inputs, sizes: shape.join('×')};
  },
  (quick) => {
    const shape = rows(quick);
    const inputs = {gate: float(shape), up: float(shape), dy: float(shape)};
    return {kernel: names.SwiGLUGrad, inputs, sizes: shape.join('×')};
  },
  crossEntropy(false),
  crossEntropy(true),
  (quick) => {
    const [n, d] = rows(quick);
    const numSegments = quick ? 9 : 2048;
    const inputs = {rows: float([n, d]), ids: ids(numSegments, [n])};
    return {
      kernel: names.ScatterRows,
      inputs,
      attrs: {numSegments},
      sizes: `${n}×${d} into ${numSegments}`,
    };
  },
  (quick) => {
    const shape = quick ? [40] : [2 ** 24];
    const inputs = {
      value: float(shape),
      gradient: float(shape),
      first: float(shape),
      second: tf.ones(shape),
    };
    const attrs = {
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0.1,
      t: 3,
    };
    return {kernel: names.AdamWUpdate, inputs, attrs, sizes: `${shape[0]} values`};
  },
  (quick) => {
    const shape = quick ? [6, 8] : [4096, 4096];
    const inputs = {momentum: float(shape), gradient: float(shape)};
    const attrs = {beta: 0.95, nesterov: true};
    return {kernel: names.MuonUpdate, inputs, attrs, sizes: shape.join('×')};
  },
  (quick) => {
    const count = quick ? 3 : 24;
    const shape = quick ? [4, 5] : [1024, 1024];
    const list = Array.from({length: count}, (_, i) => [String(i), float(shape)] as const);
    return {
      kernel: names.GlobalNorm,
      inputs: Object.fromEntries(list),
      sizes: `${count} of ${shape.join('×')}`,
    };
  },
  boundary(false),
  boundary(true),
  polar(4, 1024, 64),
  polar(1, 4096, 256),
  rvq(false),
  rvq(true),
];
