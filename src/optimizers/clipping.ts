/** Global-norm clipping, in one process and over the stages of a pipeline. */
import * as tf from '@tensorflow/tfjs-core';
import '../gradients/global_norm_grad.js';
import '../kernels/composed/global_norm.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {GlobalNorm} from '../kernels/kernel_names.js';
import {checkTensor, refuseValue} from '../ops/check_values.js';
import {checkPositive} from '../ops/check_values.js';
import type {NamedTensor} from './variable_state.js';

/** Gradients as tfjs hands them over: by name from `tf.variableGrads`, or a list from `Optimizer.minimize`. */
export type Gradients = tf.NamedTensorMap | NamedTensor[];

/** torch's guard against division by zero, also used here so that the numbers agree. */
const EPSILON = 1e-6;

/**
 * Name and gradient of each; a gradient may be null or undefined where the loss does not depend on the variable.
 *
 * @throws Error if it is neither form, or holds what is no tensor.
 */
export function gradientEntries(where: string, gradients: Gradients): Array<[string, tf.Tensor]> {
  const expected = 'gradients by name, as tf.variableGrads gives them, or a list of {name, tensor}';
  if (typeof gradients !== 'object' || gradients === null || gradients instanceof tf.Tensor) {
    refuseValue(where, 'gradients', gradients, expected);
  }
  const entries: Array<[string, tf.Tensor]> = Array.isArray(gradients)
    ? gradients.map((entry: NamedTensor, i) =>
        typeof entry?.name === 'string'
          ? [entry.name, entry.tensor]
          : refuseValue(where, `gradients[${i}]`, entry, '{name, tensor}'),
      )
    : Object.entries(gradients);
  for (const [name, gradient] of entries) {
    if (gradient != null) checkTensor(where, `the gradient of '${name}'`, gradient);
  }
  return entries;
}

/** The gradient tensors in order of name; absent ones are left out. */
function tensors(where: string, gradients: Gradients): tf.Tensor[] {
  return gradientEntries(where, gradients)
    .filter(([, tensor]) => tensor != null)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, tensor]) => tensor);
}

function squaredNorms(where: string, gradients: Gradients): tf.Tensor1D {
  const list = tensors(where, gradients);
  if (list.length === 0) return tf.zeros([1]);
  // A list, not an object: tfjs saves all inputs for a gradient only of lists, as those of its own AddN and Concat.
  return runKernel<tf.Tensor1D>(GlobalNorm, list as unknown as tf.NamedTensorMap);
}

/**
 * Sum of the squares of all gradients, read back: what a stage tells the others so that all clip by one norm,
 * `√(Σ over stages)`. One float32 sum per gradient, added in float64 in order of name: the same bits in every run.
 */
export async function sumOfSquares(gradients: Gradients): Promise<number> {
  const squares = tf.tidy(() => squaredNorms('sumOfSquares', gradients));
  const values = (await squares.data()) as Float32Array;
  squares.dispose();
  return values.reduce((sum, value) => sum + value, 0);
}

/** Norm of all gradients taken as one vector, a scalar. Nothing is read back. */
export function globalNorm(gradients: Gradients): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.sum(squaredNorms('globalNorm', gradients))) as tf.Scalar);
}

/** The factor `min(1, clipNorm / (norm + 1e-6))` for a norm that is known as a number. */
export function clipFactor(clipNorm: number, norm: number): number {
  checkPositive('clipFactor', 'clipNorm', clipNorm);
  if (!Number.isFinite(norm) || norm < 0) {
    throw new Error(
      `globalNorm is ${norm}, expected a finite number of at least 0: ` +
        `a gradient holds NaN or infinity, or the sum over the stages went wrong.`,
    );
  }
  return Math.min(1, clipNorm / (norm + EPSILON));
}

/** The same factor as a scalar tensor, from the gradients themselves. */
export function clipFactorTensor(clipNorm: number, gradients: Gradients): tf.Scalar {
  return tf.tidy(
    () => tf.minimum(1, tf.div(clipNorm, tf.add(globalNorm(gradients), EPSILON))) as tf.Scalar,
  );
}

/**
 * Gradients scaled so that their global norm is at most `clipNorm`, in the form they came in; the originals are left alone.
 * As `torch.nn.utils.clip_grad_norm_`.
 */
export function clipByGlobalNorm<T extends Gradients>(gradients: T, clipNorm: number): T {
  checkPositive('clipByGlobalNorm', 'clipNorm', clipNorm);
  gradientEntries('clipByGlobalNorm', gradients);
  const clip = (): Gradients => {
    const factor = clipFactorTensor(clipNorm, gradients);
    const scale = (g?: tf.Tensor) => (g == null ? g : tf.mul(g, factor)) as tf.Tensor;
    if (Array.isArray(gradients)) {
      return gradients.map(({name, tensor}) => ({name, tensor: scale(tensor)}));
    }
    const entries = Object.entries(gradients as tf.NamedTensorMap);
    return Object.fromEntries(entries.map(([name, g]) => [name, scale(g)]));
  };
  return tf.tidy(clip as () => tf.TensorContainer) as T;
}
