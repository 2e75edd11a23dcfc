/** The kernels that are compared with their compositions of tfjs ops, at sizes of a model worth training on a GPU. */
import * as tf from '@tensorflow/tfjs-core';
import {composedKernel} from '../../src/kernels/ensure_kernel.js';
import * as names from '../../src/kernels/kernel_names.js';

export interface KernelCase {
  kernel: string;
  /** In words, for the table. */
  sizes: string;
  /** Fresh tensors. */
  make(): tf.NamedTensorMap;
  attrs?: tf.NamedAttrMap;
  /** Arithmetic of the algorithm, where that and not memory bounds it. */
  flops?: number;
}

type CaseMaker = (quick: boolean) => KernelCase;

const float = (shape: number[], scale = 1) => tf.randomNormal(shape, 0, scale, 'float32', 1);
const ids = (limit: number, shape: number[]) =>
  tf.cast(tf.randomUniform(shape, 0, limit, 'float32', 1), 'int32');

const attention =
  (groups: number, grad: boolean): CaseMaker =>
  (quick) => {
    const [b, h, t, w] = quick ? [1, 4, 8, 8] : [8, 16, 512, 64];
    const g = quick ? Math.min(groups, 4) : groups;
    const attrs = {scale: 1 / Math.sqrt(w)};
    const make = () => ({q: float([b, h, t, w]), k: float([b, g, t, w]), v: float([b, g, t, w])});
    // Half of the scores are hidden.
    const product = b * h * t * t * w;
    const sizes = `${b}×${h}/${g} heads, ${t} positions, ${w} wide`;
    if (!grad) return {kernel: names.CausalAttention, make, attrs, sizes, flops: 2 * product};
    const makeAll = () => {
      const inputs = make();
      const [out, lse] = tf.tidy(
        () => composedKernel(names.CausalAttention)(inputs, attrs) as tf.Tensor[],
      );
      return {...inputs, out, lse, dout: float(out.shape)};
    };
    return {
      kernel: names.CausalAttentionGrad,
      make: makeAll,
      attrs,
      sizes,
      flops: 5 * product,
    };
  };

const rows = (quick: boolean): [number, number] => (quick ? [6, 40] : [8192, 1024]);

const rmsNorm =
  (grad: boolean): CaseMaker =>
  (quick) => {
    const [n, d] = rows(quick);
    return {
      kernel: grad ? names.RmsNormGrad : names.RmsNorm,
      make: () => ({x: float([n, d]), weight: float([d]), ...(grad ? {dy: float([n, d])} : {})}),
      attrs: {epsilon: 1e-5},
      sizes: `${n}×${d}`,
    };
  };

const swiglu =
  (grad: boolean): CaseMaker =>
  (quick) => {
    const shape = rows(quick);
    return {
      kernel: grad ? names.SwiGLUGrad : names.SwiGLU,
      make: () => ({gate: float(shape), up: float(shape), ...(grad ? {dy: float(shape)} : {})}),
      sizes: shape.join('×'),
    };
  };

const crossEntropy =
  (grad: boolean): CaseMaker =>
  (quick) => {
    const [n, v] = quick ? [5, 70] : [1000, 32000];
    const make = () => ({logits: float([n, v]), targets: ids(v, [n])});
    const sizes = `${n}×${v}`;
    if (!grad) return {kernel: names.SparseCrossEntropy, make, sizes};
    const makeAll = () => {
      const inputs = make();
      const lse = tf.tidy(() => tf.logSumExp(inputs.logits, 1));
      return {...inputs, lse, dloss: tf.fill([n], 1 / n)};
    };
    return {kernel: names.SparseCrossEntropyGrad, make: makeAll, sizes};
  };

const boundary =
  (decode: boolean): CaseMaker =>
  (quick) => {
    const [n, d, r, v] = quick ? [6, 16, 4, 9] : [8192, 1024, 64, 32000];
    const shared = () => ({
      ids: ids(v, [n]),
      projector: float([d, r], d ** -0.5),
      anchors: float([v, r]),
      basis: float([r, d]),
    });
    const sizes = `${n} rows, ${d} → ${r}`;
    return decode
      ? {
          kernel: names.BoundaryDecode,
          make: () => ({z: float([n, r]), ...shared()}),
          sizes,
          flops: 4 * n * r * d,
        }
      : {
          kernel: names.BoundaryEncode,
          make: () => ({x: float([n, d]), ...shared()}),
          sizes,
          flops: 2 * n * (d + r) * r,
        };
  };

const polar =
  (batch: number, m: number, n: number): CaseMaker =>
  (quick) => {
    const shape = quick ? [2, 12, 4] : [batch, m, n];
    const [b, rowsOf, columns] = shape;
    return {
      kernel: names.PolarFactor,
      make: () => ({y: float(shape)}),
      attrs: {steps: 8, repeats: 3, finishing: 1},
      sizes: shape.join('×'),
      flops: 12 * b * (4 * rowsOf * columns ** 2 + 2 * columns ** 3),
    };
  };

const rvq =
  (decode: boolean): CaseMaker =>
  (quick) => {
    const [n, rounds, groups, codes, width] = quick ? [8, 2, 2, 9, 3] : [8192, 4, 4, 256, 16];
    const codebooks = () => float([rounds, groups, codes, width]);
    const sizes = `${n} rows, ${rounds} rounds, ${groups} groups of ${width}, ${codes} codes`;
    return decode
      ? {
          kernel: names.RvqDecode,
          make: () => ({indices: ids(codes, [rounds, n, groups]), codebooks: codebooks()}),
          sizes,
        }
      : {
          kernel: names.RvqEncode,
          make: () => ({z: float([n, groups * width]), codebooks: codebooks()}),
          sizes,
          flops: 3 * rounds * n * groups * codes * width,
        };
  };

export const KERNEL_CASES: readonly CaseMaker[] = [
  attention(16, false),
  attention(4, false),
  attention(16, true),
  attention(4, true),
  rmsNorm(false),
  rmsNorm(true),
  (quick) => {
    const shape = quick ? [1, 2, 8, 8] : [8, 16, 512, 64];
    const table = [shape[2], shape[3] / 2];
    return {
      kernel: names.RotaryEmbedding,
      make: () => ({x: float(shape), cos: float(table), sin: float(table)}),
      sizes: shape.join('×'),
    };
  },
  swiglu(false),
  swiglu(true),
  crossEntropy(false),
  crossEntropy(true),
  (quick) => {
    const [n, d] = rows(quick);
    const numSegments = quick ? 9 : 2048;
    return {
      kernel: names.ScatterRows,
      make: () => ({rows: float([n, d]), ids: ids(numSegments, [n])}),
      attrs: {numSegments},
      sizes: `${n}×${d} into ${numSegments}`,
    };
  },
  (quick) => {
    const shape = quick ? [40] : [2 ** 24];
    return {
      kernel: names.AdamWUpdate,
      make: () => ({
        value: float(shape),
        gradient: float(shape),
        first: float(shape),
        second: tf.ones(shape),
      }),
      attrs: {
        learningRate: 1e-3,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weightDecay: 0.1,
        t: 3,
      },
      sizes: `${shape[0]} values`,
    };
  },
  (quick) => {
    const shape = quick ? [6, 8] : [4096, 4096];
    return {
      kernel: names.MuonUpdate,
      make: () => ({momentum: float(shape), gradient: float(shape)}),
      attrs: {beta: 0.95, nesterov: true},
      sizes: shape.join('×'),
    };
  },
  (quick) => {
    const count = quick ? 3 : 24;
    const shape = quick ? [4, 5] : [1024, 1024];
    return {
      kernel: names.GlobalNorm,
      make: () =>
        Object.fromEntries(Array.from({length: count}, (_, i) => [String(i), float(shape)])),
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
