import * as tf from '@tensorflow/tfjs-core';
import '../gradients/swiglu_grad.js';
import '../kernels/composed/swiglu.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {SwiGLU} from '../kernels/kernel_names.js';
import {checkMinRank, checkShape, toFloatTensor} from './checks.js';
import {emptyResult} from './empty_result.js';

function swiglu_(gate: tf.Tensor | tf.TensorLike, up: tf.Tensor | tf.TensorLike): tf.Tensor {
  const $gate = toFloatTensor(gate, 'gate', 'swiglu');
  const $up = toFloatTensor(up, 'up', 'swiglu');
  checkMinRank($gate, 1, '[..., f]', 'gate', 'swiglu');
  checkShape($up.shape, $gate.shape, `'up'`, `the shape of 'gate'`, 'swiglu');
  if ($gate.size === 0) {
    return emptyResult($gate.shape, [$gate, $up]);
  }
  const width = $gate.shape[$gate.rank - 1];
  const out = runKernel<tf.Tensor>(SwiGLU, {
    gate: tf.reshape($gate, [-1, width]),
    up: tf.reshape($up, [-1, width]),
  });
  return tf.reshape(out, $gate.shape);
}

/**
 * The gated activation of LLaMA's feed-forward block: `gate · sigmoid(gate) · up`, elementwise.
 *
 * Published: Shazeer, arXiv 2002.05202. Differentiable in both.
 *
 * @param gate `[..., f]`, float32.
 * @param up The same shape, float32.
 * @returns The same shape, float32.
 * @throws Error that names the argument if the shapes differ, or a dtype is not float32.
 */
export const swiglu = /* @__PURE__ */ tf.op({swiglu_});
