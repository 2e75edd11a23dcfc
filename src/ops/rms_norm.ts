import * as tf from '@tensorflow/tfjs-core';
import '../gradients/rms_norm_grad.js';
import '../kernels/composed/rms_norm.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RmsNorm} from '../kernels/kernel_names.js';
import {describeValue} from './check_values.js';
import {checkMinRank, checkRank, checkSize, toFloatTensor} from './checks.js';
import {emptyResult} from './empty_result.js';

function rmsNorm_(
  x: tf.Tensor | tf.TensorLike,
  weight: tf.Tensor | tf.TensorLike,
  epsilon = 1e-5,
): tf.Tensor {
  const $x = toFloatTensor(x, 'x', 'rmsNorm');
  const $weight = toFloatTensor(weight, 'weight', 'rmsNorm');
  checkMinRank($x, 1, '[..., d]', 'x', 'rmsNorm');
  checkRank($weight, 1, '[d]', 'weight', 'rmsNorm');
  const width = $x.shape[$x.rank - 1];
  checkSize($weight.size, width, `the length of 'weight'`, `the last dimension of 'x'`, 'rmsNorm');
  if (!Number.isFinite(epsilon) || epsilon < 0) {
    throw new Error(
      `rmsNorm: 'epsilon' is ${describeValue(epsilon)}; expected 0 or more, for instance 1e-5.`,
    );
  }
  if ($x.size === 0) {
    return emptyResult($x.shape, [$x, $weight]);
  }
  const flat = tf.reshape($x, [-1, width]);
  const out = runKernel<tf.Tensor>(RmsNorm, {x: flat, weight: $weight}, {epsilon});
  return tf.reshape(out, $x.shape);
}

/**
 * Scales each row to root mean square 1, then by a weight per column: `x / sqrt(mean(x²) + ε) · weight`.
 *
 * Published: Zhang and Sennrich, arXiv 1910.07467; the normalisation of LLaMA. Differentiable in both.
 *
 * @param x `[..., d]`, float32.
 * @param weight `[d]`, float32.
 * @param epsilon Added to the mean square, default 1e-5.
 * @returns The shape of `x`, float32.
 * @throws Error that names the argument if a shape, a dtype or `epsilon` does not fit.
 */
export const rmsNorm = /* @__PURE__ */ tf.op({rmsNorm_});
