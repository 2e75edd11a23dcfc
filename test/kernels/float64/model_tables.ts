/** Kernels of a LLaMA: odd sizes, one of everything, a real vocabulary, 65,536 rows. */
import * as names from '../../../src/kernels/kernel_names.js';
import {dense, integersBelow, type Dense} from '../../support/dense.js';
import {attentionFloat64} from './attention.js';
import {fresh, large, type Table} from './case.js';
import * as float64 from './references.js';
import {freshSeed} from './seed.js';

const norms = (shape: number[]) => ({x: fresh(shape, 1, 2), weight: fresh([shape[1]], 2)});
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
/**
 * Batch, heads, groups, queries, keys, width: one position, every kind of grouping, fewer queries than keys, sizes around a
 * tile's edge, 65,536 heads of one position (one more than a dispatch has workgroups), 65,536 keys.
 */
const attentions = [
  [1, 1, 1, 1, 1, 1],
  [2, 4, 2, 1, 1, 16],
  [2, 8, 2, 1, 7, 5],
  [1, 6, 1, 33, 33, 7],
  [2, 3, 3, 5, 34, 16],
  [1, 4, 2, 65, 65, 6],
  large([4096, 16, 8, 1, 2, 3], [4, 16, 8, 1, 2, 3]),
  large([1, 2, 1, 1, 65536, 3], [1, 2, 1, 1, 700, 3]),
];

/**
 * Values go with their keys and around 1: means over 65,536 keys of independent ones would be differences of nearly equal
 * numbers, of which float32 has no five digits.
 */
function attention([b, h, g, tq, tk, w]: number[]) {
  const [q, k, v] = [fresh([b, h, tq, w], 1), fresh([b, g, tk, w], 2), fresh([b, g, tk, w], 3)];
  v.values.forEach((value, i) => (v.values[i] = Math.fround(value + k.values[i] + 1)));
  return {q, k, v};
}

const rounded = ({shape, values}: Dense) => dense(shape, Float32Array.from(values));
const crossEntropy = ([n, v]: number[]) => ({
  logits: fresh([n, v], 1, 4),
  targets: integersBelow(v, [n], freshSeed(2)),
});

export const MODEL_TABLES: Record<string, Table> = {
  [names.RmsNorm]: {
    reference: float64.rmsNorm,
    sizes: matrices,
    make: (size) => ({inputs: norms(size), attrs: {epsilon: 1e-5}}),
  },
  [names.RmsNormGrad]: {
    reference: float64.rmsNormGrad,
    sizes: matrices,
    // With one column and a small epsilon the gradient is a difference of nearly equal numbers.
    make: (size) => ({
      inputs: {...norms(size), dy: fresh(size, 3)},
      attrs: {epsilon: size[1] === 1 ? 0.5 : 1e-5},
    }),
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
      inputs: {x: fresh([b, h, t, k], 1), cos: fresh([t, k / 2], 2), sin: fresh([t, k / 2], 3)},
    }),
  },
  [names.SwiGLU]: {
    reference: float64.swiglu,
    sizes: matrices,
    make: (size) => ({inputs: {gate: fresh(size, 1, 4), up: fresh(size, 2)}}),
  },
  [names.SwiGLUGrad]: {
    reference: float64.swigluGrad,
    sizes: matrices,
    make: (size) => ({inputs: {gate: fresh(size, 1, 4), up: fresh(size, 2), dy: fresh(size, 3)}}),
  },
  [names.CausalAttention]: {
    reference: ({q, k, v}, {scale}: {scale: number}) => {
      const {out, lse} = attentionFloat64(q, k, v, dense(q.shape), scale);
      return [out, lse];
    },
    sizes: attentions,
    make: (size) => ({inputs: attention(size), attrs: {scale: 1 / Math.sqrt(size[5])}}),
  },
  [names.CausalAttentionGrad]: {
    reference: ({q, k, v, dout}, {scale}: {scale: number}) => {
      const {dq, dk, dv} = attentionFloat64(q, k, v, dout, scale);
      return [dq, dk, dv];
    },
    sizes: attentions,
    make: (size) => {
      const {q, k, v} = attention(size);
      const dout = fresh(q.shape, 4);
      const scale = 1 / Math.sqrt(size[5]);
      const {out, lse} = attentionFloat64(q, k, v, dout, scale);
      return {inputs: {q, k, v, out: rounded(out), lse: rounded(lse), dout}, attrs: {scale}};
    },
  },
  [names.SparseCrossEntropy]: {
    reference: float64.sparseCrossEntropy,
    sizes: logits,
    make: (size) => ({integers: ['targets'], inputs: crossEntropy(size)}),
  },
  [names.SparseCrossEntropyGrad]: {
    reference: float64.sparseCrossEntropyGrad,
    sizes: logits,
    make: (size) => {
      const inputs = crossEntropy(size);
      const [, lse] = float64.sparseCrossEntropy(inputs);
      const dloss = fresh([size[0]], 3);
      return {integers: ['targets'], inputs: {...inputs, lse: rounded(lse), dloss}};
    },
  },
};
