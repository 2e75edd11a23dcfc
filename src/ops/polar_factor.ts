import * as tf from '@tensorflow/tfjs-core';
import '../gradients/polar_factor_grad.js';
import '../kernels/composed/polar_factor.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {PolarFactor} from '../kernels/kernel_names.js';
import {checkOptions} from './check_options.js';
import {checkInteger} from './check_values.js';
import {checkMinRank, toFloatTensor} from './checks.js';

/** How far `polarFactor` iterates. */
export interface PolarFactorOptions {
  /** Polar Express steps, default 8. Six, without repeats and finishing, are enough for a steepest-descent direction. */
  steps?: number;
  /** Extra copies of the third step; 3, or 0 if `steps` is given. Each quadruples singular values far below the largest. */
  repeats?: number;
  /** Classical quintic steps at the end; 1, or 0 if `steps` is given. */
  finishing?: number;
}

function polarFactor_(y: tf.Tensor | tf.TensorLike, options: PolarFactorOptions = {}): tf.Tensor {
  const $y = toFloatTensor(y, 'y', 'polarFactor');
  checkMinRank($y, 2, '[..., m, n]', 'y', 'polarFactor');
  checkOptions('polarFactor', options, '{steps: 6}', ['steps', 'repeats', 'finishing']);
  const isDefault = options.steps == null;
  const count = (name: keyof PolarFactorOptions, fallback: number) =>
    checkInteger('polarFactor', name, options[name] ?? fallback, 0);
  const steps = count('steps', 8);
  const repeats = count('repeats', isDefault ? 3 : 0);
  const finishing = count('finishing', isDefault ? 1 : 0);
  const matrix = $y.shape.slice(-2);
  if ($y.size === 0) {
    throw new Error(`polarFactor: 'y' has shape [${$y.shape}]; expected no empty dimension.`);
  }
  const flat = tf.reshape($y, [-1, ...matrix]);
  const out = runKernel<tf.Tensor>(PolarFactor, {y: flat}, {steps, repeats, finishing});
  return tf.reshape(out, $y.shape);
}

/**
 * Nearest matrix with orthonormal columns (tall) or rows (wide): `Y(YᵀY)^{-1/2}`, also known as `msign`.
 *
 * The direction of SPEL and Muon, and the retraction of the Stiefel manifold. Computed by products only, in float32:
 * Polar Express (published, arXiv 2505.16932, eight steps) with its third step repeated and one classical quintic step at
 * the end (ours), so that matrices of condition number 1e4 to 1e5 come out orthonormal too. What float32 cannot give: the
 * error of the result grows like 1e-8 times the condition number. Directions with singular value zero stay zero, so a zero matrix gives zeros.
 * The scale of a matrix does not matter, up to float32's largest numbers; entries below its smallest normal one, 1.2e-38, count as
 * zeros on backends that flush them (`tensorflow`, GPUs).
 *
 * Differentiable at matrices of full rank.
 *
 * @param y `[..., m, n]`, float32; leading dimensions are a batch.
 * @param options Number of steps.
 * @returns `[..., m, n]`, float32. NaN propagates, within its matrix.
 * @throws Error if `y` has fewer than two dimensions, an empty one, or another dtype, or if an option is unknown or no count.
 */
export const polarFactor = /* @__PURE__ */ tf.op({polarFactor_});
