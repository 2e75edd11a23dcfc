/** The steps that the layers of a LLaMA are made of, by how they keep activations for the backward pass. */
import * as tf from '@tensorflow/tfjs-core';
import {activationStorage} from '../ops/activation_storage.js';
import {causalAttention} from '../ops/causal_attention.js';
import {rmsNorm} from '../ops/rms_norm.js';
import {rotaryEmbedding} from '../ops/rotary_embedding.js';
import {swiglu} from '../ops/swiglu.js';
import {HalfBlockOps} from './half_block_ops.js';
import {sparingAdd, sparingReshape} from './sparing_ops.js';

/** All compute the same bits forward. */
export interface BlockOps {
  /** Sum of two tensors of one shape. */
  add(a: tf.Tensor, b: tf.Tensor): tf.Tensor;
  reshape<R extends tf.Rank>(x: tf.Tensor, shape: number[]): tf.Tensor<R>;
  /** `x [n, i]`, `weight [i, o]` (`[o, i]` if `transposed`), `bias [o]` → `[n, o]`. */
  linear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor, transposed?: boolean): tf.Tensor2D;
  /** `rmsNorm` of rows, `[n, d]`. */
  norm(x: tf.Tensor2D, weight: tf.Tensor, epsilon: number): tf.Tensor2D;
  /** `rotaryEmbedding` of `[b, h, t, k]`; the tables have no gradient. */
  rotary(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor;
  /** `causalAttention` with the usual scale. */
  attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor;
  /** `swiglu` of rows, `[n, f]`. */
  swiglu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor;
}

/** The public ops and tfjs's own, with the gradients they have, but for sums and reshapes, which would keep more than they read. */
const FLOAT32: BlockOps = {
  add: sparingAdd,
  reshape: sparingReshape,
  linear: (x, weight, bias, transposed = false) => {
    const product = tf.matMul(x, weight, false, transposed);
    return (bias == null ? product : tf.add(product, bias)) as tf.Tensor2D;
  },
  norm: (x, weight, epsilon) => rmsNorm(x, weight, epsilon) as tf.Tensor2D,
  rotary: (x, cos, sin) => rotaryEmbedding(x, cos, sin),
  attention: (q, k, v) => causalAttention(q, k, v),
  swiglu: (gate, up) => swiglu(gate, up),
};

/** Those for one call of a layer, made inside its `tf.tidy`. Where no gradient is recorded nothing is kept, nor rounded. */
export function blockOps(): BlockOps {
  if (activationStorage() === 'float32') return FLOAT32;
  return tf.engine().state.activeTape == null ? FLOAT32 : new HalfBlockOps();
}
