import * as tf from '@tensorflow/tfjs-core';
import '../gradients/rotary_embedding_grad.js';
import '../kernels/composed/rotary_embedding.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RotaryEmbedding} from '../kernels/kernel_names.js';
import {checkMinRank, checkShape, toFloatTensor} from './checks.js';
import {emptyResult} from './empty_result.js';

function rotaryEmbedding_(
  x: tf.Tensor | tf.TensorLike,
  cos: tf.Tensor | tf.TensorLike,
  sin: tf.Tensor | tf.TensorLike,
): tf.Tensor {
  const op = 'rotaryEmbedding';
  const $x = toFloatTensor(x, 'x', op);
  const $cos = toFloatTensor(cos, 'cos', op);
  const $sin = toFloatTensor(sin, 'sin', op);
  checkMinRank($x, 2, '[..., heads, time, headDim]', 'x', op);
  const [time, width] = $x.shape.slice(-2);
  if (width % 2 !== 0) {
    throw new Error(
      `${op}: the last dimension of 'x' is ${width}; expected an even head dimension.`,
    );
  }
  const table = [time, width / 2];
  const rule = `[time, headDim / 2] of 'x'; make both with rotaryTables({length: ${time}, headDim: ${width}})`;
  checkShape($cos.shape, table, `'cos'`, rule, op);
  checkShape($sin.shape, table, `'sin'`, rule, op);
  if ($x.size === 0) {
    return emptyResult($x.shape, [$x, $cos, $sin]);
  }
  const heads = $x.rank > 2 ? $x.shape[$x.rank - 3] : 1;
  const flat = tf.reshape($x, [-1, heads, time, width]);
  const out = runKernel<tf.Tensor>(RotaryEmbedding, {x: flat, cos: $cos, sin: $sin});
  return tf.reshape(out, $x.shape);
}

/**
 * Rotates query or key vectors by angles that grow with their position.
 *
 * Published: RoFormer (arXiv 2104.09864), in the rotate-half layout of Hugging Face's LLaMA: component `i` pairs with
 * `i + headDim/2`, `x · [cos, cos] + [−x₂, x₁] · [sin, sin]`. Differentiable in all three.
 *
 * @param x `[..., heads, time, headDim]`, float32, headDim even.
 * @param cos `[time, headDim/2]`, float32, of `rotaryTables`.
 * @param sin `[time, headDim/2]`, float32, of `rotaryTables`.
 * @returns The shape of `x`, float32.
 * @throws Error that names the argument if a shape or a dtype does not fit.
 */
export const rotaryEmbedding = /* @__PURE__ */ tf.op({rotaryEmbedding_});
