import * as tf from '@tensorflow/tfjs-core';
import '../gradients/polar_factor_grad.js';
import '../kernels/composed/polar_factor.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {PolarFactor} from '../kernels/kernel_names.js';
import {checkMinRank, toFloatTensor} from './checks.js';

/** How far `polarFactor` iterates. */
export interface PolarFactorOptions {
  /** Polar Express steps, default 8. Six bring singular values within 1 %, enough for a steepest-descent direction. */
  steps?: number;
  /** Classical quintic steps after those, default 4. */
  finishing?: number;
}

function checkCount(value: number, name: string): number {
  if (!Number.isInteger(value) || value < 0) {
    throw new Error(`polarFactor: '${name}' is ${value}; expected a whole number, 0 or more.`);
  }
  return value;
}

function polarFactor_(y: tf.Tensor | tf.TensorLike, options: PolarFactorOptions = {}): tf.Tensor {
  const $y = toFloatTensor(y, 'y', 'polarFactor');
  checkMinRank($y, 2, '[..., m, n]', 'y', 'polarFactor');
  const steps = checkCount(options.steps ?? 8, 'steps');
  const finishing = checkCount(options.finishing ?? 4, 'finishing');
  const matrix = $y.shape.slice(-2);
  if ($y.size === 0) {
    throw new Error(`polarFactor: 'y' has shape [${$y.shape}]; expected no empty dimension.`);
  }
  const flat = tf.reshape($y, [-1, ...matrix]);
  const out = runKernel<tf.Tensor>(PolarFactor, {y: flat}, {steps, finishing});
  return tf.reshape(out, $y.shape);
}

/**
 * Nearest matrix with orthonormal columns (tall) or rows (wide): `Y(YᵀY)^{-1/2}`, also known as `msign`.
 *
 * The direction of SPEL and Muon, and the retraction of the Stiefel manifold. Computed by products only, in float32:
 * Polar Express (published, arXiv 2505.16932) and then classical quintic steps (ours), so that matrices of condition
 * number 1e4 come out orthonormal too. What float32 cannot give: the error of the result grows like 1e-7 times the
 * condition number. Directions with singular value zero stay zero, so a zero matrix gives zeros.
 *
 * Differentiable at matrices of full rank.
 *
 * @param y `[..., m, n]`, float32; leading dimensions are a batch.
 * @param options Number of steps.
 * @returns `[..., m, n]`, float32. NaN propagates, within its matrix.
 * @throws Error if `y` has fewer than two dimensions, an empty one, or another dtype.
 */
export const polarFactor = /* @__PURE__ */ tf.op({polarFactor_});
