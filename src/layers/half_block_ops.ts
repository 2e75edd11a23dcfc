/** The steps of a LLaMA's layers with activations kept as halves. */
import * as tf from '@tensorflow/tfjs-core';
import '../kernels/composed/index.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import * as names from '../kernels/kernel_names.js';
import type {BlockOps} from './block_ops.js';
import {sparingAdd, sparingOp, sparingReshape} from './sparing_ops.js';

/** Two halves a word, and the shape they had. */
interface Halves {
  packed: tf.Tensor;
  shape: number[];
}

const unpack = (packed: tf.Tensor, shape: number[]) =>
  runKernel<tf.Tensor>(names.UnpackHalf, {packed}, {shape});

const pack = (x: tf.Tensor): Halves => ({
  packed: runKernel<tf.Tensor>(names.PackHalf, {x}),
  shape: x.shape,
});

/**
 * Keeps each activation once, as halves, however many ops of the call need it.
 */
export class HalfBlockOps implements BlockOps {
  /** Made in the scope of the call that these ops are for, and freed with it: what is saved are clones. */
  private readonly known = new Map<tf.Tensor, Halves>();

  add = sparingAdd;
  reshape = sparingReshape;

  linear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor, transposed = false): tf.Tensor2D {
    const {packed, shape} = this.halves(x);
    return sparingOp(
      bias == null ? [x, weight] : [x, weight, bias],
      (save, [rows, matrix, shift]) => {
        save([packed, matrix]);
        const product = tf.matMul(rows, matrix, false, transposed);
        return shift == null ? product : tf.add(product, shift);
      },
      (dy, [halves, matrix]) => {
        const rows = unpack(halves, shape);
        const dx = tf.matMul(dy, matrix, false, !transposed);
        const dweight = transposed
          ? tf.matMul(dy, rows, true, false)
          : tf.matMul(rows, dy, true, false);
        return bias == null ? [dx, dweight] : [dx, dweight, tf.sum(dy, 0)];
      },
    ) as tf.Tensor2D;
  }

  norm(x: tf.Tensor2D, weight: tf.Tensor, epsilon: number): tf.Tensor2D {
    const {packed, shape} = this.halves(x);
    return sparingOp(
      [x, weight],
      (save, [rows, scale]) => {
        save([packed, scale]);
        return runKernel<tf.Tensor>(names.RmsNorm, {x: rows, weight: scale}, {epsilon});
      },
      (dy, [halves, scale]) => {
        const inputs = {x: unpack(halves, shape), weight: scale, dy};
        return runKernel<tf.Tensor[]>(names.RmsNormGrad, inputs, {epsilon});
      },
    ) as tf.Tensor2D;
  }

  rotary(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor {
    return sparingOp(
      [x],
      (save, [heads]) => {
        save([cos, sin]);
        return runKernel<tf.Tensor>(names.RotaryEmbedding, {x: heads, cos, sin});
      },
      // The rotation back.
      (dy, [c, s]) => {
        const inputs = {x: dy, cos: c, sin: tf.neg(s)};
        return [runKernel<tf.Tensor>(names.RotaryEmbedding, inputs)];
      },
    );
  }

  /**
   * The backward pass computes the output again: gradients of a softmax cancel, and do so only with the sums of the very scores
   * that come from the rounded `q` and `k`. It also keeps less.
   */
  attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
    const attrs = {scale: 1 / Math.sqrt(q.shape[3]!)};
    const kept = [q, k, v].map((x) => this.halves(x));
    return sparingOp(
      [q, k, v],
      (save, [queries, keys, values]) => {
        save(kept.map(({packed}) => packed));
        const inputs = {q: queries, k: keys, v: values};
        return runKernel<tf.Tensor[]>(names.CausalAttention, inputs, attrs)[0];
      },
      (dout, packed) => {
        const [rq, rk, rv] = packed.map((halves, i) => unpack(halves, kept[i].shape));
        const inputs = {q: rq, k: rk, v: rv};
        const [out, lse] = runKernel<tf.Tensor[]>(names.CausalAttention, inputs, attrs);
        const all = {...inputs, out, lse, dout};
        return runKernel<tf.Tensor[]>(names.CausalAttentionGrad, all, attrs);
      },
    );
  }

  swiglu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
    const kept = [gate, up].map((x) => this.halves(x).packed);
    const {shape} = gate;
    return sparingOp(
      [gate, up],
      (save, [g, u]) => {
        save(kept);
        return runKernel<tf.Tensor>(names.SwiGLU, {gate: g, up: u});
      },
      (dy, [g, u]) => {
        const inputs = {gate: unpack(g, shape), up: unpack(u, shape), dy};
        return runKernel<tf.Tensor[]>(names.SwiGLUGrad, inputs);
      },
    );
  }

  private halves(x: tf.Tensor): Halves {
    const found = this.known.get(x) ?? pack(x);
    this.known.set(x, found);
    return found;
  }
}
