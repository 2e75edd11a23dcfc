import * as tf from '@tensorflow/tfjs-core';
import '../gradients/causal_attention_grad.js';
import '../kernels/composed/causal_attention.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {CausalAttention} from '../kernels/kernel_names.js';
import {describeValue} from './check_values.js';
import {checkRank, checkShape, checkSize, toFloatTensor} from './checks.js';
import {emptyResult} from './empty_result.js';

function causalAttention_(
  q: tf.Tensor | tf.TensorLike,
  k: tf.Tensor | tf.TensorLike,
  v: tf.Tensor | tf.TensorLike,
  scale?: number,
): tf.Tensor {
  const op = 'causalAttention';
  const $q = toFloatTensor(q, 'q', op);
  const $k = toFloatTensor(k, 'k', op);
  const $v = toFloatTensor(v, 'v', op);
  checkRank($q, 4, '[batch, heads, queries, headDim]', 'q', op);
  checkRank($k, 4, '[batch, groups, keys, headDim]', 'k', op);
  checkShape($v.shape, $k.shape, `'v'`, `the shape of 'k'`, op);
  const [batch, heads, queries, width] = $q.shape as [number, number, number, number];
  const [kBatch, groups, keys, kWidth] = $k.shape as [number, number, number, number];
  checkSize(kBatch, batch, `the batch size of 'k'`, `that of 'q'`, op);
  checkSize(kWidth, width, `the head dimension of 'k'`, `that of 'q'`, op);
  if (groups === 0 || heads % groups !== 0) {
    throw new Error(
      `${op}: 'q' has ${heads} heads and 'k' ${groups}; expected the heads of 'q' to be a multiple of those of 'k'.`,
    );
  }
  if (queries > keys) {
    throw new Error(
      `${op}: 'q' has ${queries} positions and 'k' ${keys}; expected no more queries than keys, because the last ` +
        `query belongs to the last key.`,
    );
  }
  if (width === 0) {
    throw new Error(`${op}: 'q' has shape [${$q.shape}]; expected a head dimension of 1 or more.`);
  }
  const factor = scale ?? 1 / Math.sqrt(width);
  if (!Number.isFinite(factor)) {
    throw new Error(
      `${op}: 'scale' is ${describeValue(factor)}; expected a finite number, for instance 1/sqrt(headDim).`,
    );
  }
  if ($q.size === 0) {
    return emptyResult($q.shape, [$q, $k, $v]);
  }
  return runKernel<tf.Tensor[]>(CausalAttention, {q: $q, k: $k, v: $v}, {scale: factor})[0];
}

/**
 * Softmax attention in which a position sees itself and those before it, with grouped key/value heads.
 *
 * Published: Vaswani et al., arXiv 1706.03762; grouped-query attention, arXiv 2305.13245. Query head `h` uses key/value
 * head `floor(h · groups / heads)`. With fewer queries than keys (cached keys) the last query belongs to the last key:
 * query `i` sees keys `0 … keys − queries + i`. Differentiable in all three.
 *
 * @param q `[batch, heads, queries, headDim]`, float32.
 * @param k `[batch, groups, keys, headDim]`, float32; heads is a multiple of groups.
 * @param v The shape of `k`, float32.
 * @param scale Factor of the scores, default `1/sqrt(headDim)`.
 * @returns `[batch, heads, queries, headDim]`, float32.
 * @throws Error that names the argument if a shape, a dtype or `scale` does not fit.
 */
export const causalAttention = /* @__PURE__ */ tf.op({causalAttention_});
