import * as tf from '@tensorflow/tfjs-core';
import '../gradients/sparse_cross_entropy_grad.js';
import '../kernels/composed/sparse_cross_entropy.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {SparseCrossEntropy} from '../kernels/kernel_names.js';
import {checkIds} from './check_ids.js';
import {checkMinRank, checkShape, toFloatTensor, toIdTensor} from './checks.js';

/** How `sparseCrossEntropy` combines the losses of all positions. */
export type Reduction = 'mean' | 'sum' | 'none';

function sparseCrossEntropy_(
  logits: tf.Tensor | tf.TensorLike,
  targets: tf.Tensor | tf.TensorLike,
  reduction: Reduction = 'mean',
): tf.Tensor {
  const op = 'sparseCrossEntropy';
  if (reduction !== 'mean' && reduction !== 'sum' && reduction !== 'none') {
    throw new Error(
      `${op}: 'reduction' is '${String(reduction)}'; expected 'mean', 'sum' or 'none'.`,
    );
  }
  const $logits = toFloatTensor(logits, 'logits', op);
  const $targets = toIdTensor(targets, 'targets', op);
  checkMinRank($logits, 1, '[..., V]', 'logits', op);
  const leading = $logits.shape.slice(0, -1);
  const classes = $logits.shape[$logits.rank - 1];
  checkShape($targets.shape, leading, `'targets'`, `the leading dimensions of 'logits'`, op);
  if ($logits.size === 0) {
    throw new Error(
      `${op}: 'logits' has shape [${$logits.shape}]; expected at least one position.`,
    );
  }
  checkIds($targets, classes, 'targets', `the last dimension of 'logits'`, op);
  const [loss] = runKernel<tf.Tensor[]>(SparseCrossEntropy, {
    logits: tf.reshape($logits, [-1, classes]),
    targets: tf.reshape($targets, [-1]),
  });
  if (reduction === 'none') {
    return tf.reshape(loss, leading);
  }
  return reduction === 'mean' ? tf.mean(loss) : tf.sum(loss);
}

/**
 * Cross-entropy of the next token, from logits and integer targets: `log Σ exp(logits) − logits[target]`, in nats.
 *
 * Unlike tfjs's `sparseCategoricalCrossentropy` it takes logits, clips nothing and stays finite for any finite logits.
 * Differentiable in the logits.
 *
 * @param logits `[..., V]`, float32.
 * @param targets `[...]`, int32, each in `0 … V − 1`; checked as the ids of `boundaryEncode` are.
 * @param reduction `'mean'` (default) or `'sum'` over all positions, or `'none'`.
 * @returns A scalar, or `[...]` for `'none'`, float32.
 * @throws Error that names the argument if a shape, a dtype or a target does not fit.
 */
export const sparseCrossEntropy = /* @__PURE__ */ tf.op({sparseCrossEntropy_});
