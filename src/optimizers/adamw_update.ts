/** The arithmetic of AdamW, apart from where its state lives. */
import type * as tf from '@tensorflow/tfjs-core';
import '../gradients/adamw_update_grad.js';
import '../kernels/composed/adamw_update.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {AdamWUpdate, type AdamWUpdateAttrs} from '../kernels/kernel_names.js';

/** Scalars of one AdamW step, worked out in float64. */
export type AdamWScalars = AdamWUpdateAttrs;

/**
 * One step of AdamW on one tensor, as `torch.optim.AdamW`:
 *
 *     m ← m + (1 − β₁)(g − m)            v ← β₂ v + (1 − β₂) g²
 *     w ← w (1 − lr·decay) − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *
 * With `s = √(1 − β₂ᵗ)` the quotient is written `s·m / (√v + s ε)`, which saves one pass over memory.
 * @returns The new value, first and second moment.
 */
export function adamWUpdate(
  value: tf.Tensor,
  gradient: tf.Tensor,
  first: tf.Tensor,
  second: tf.Tensor,
  scalars: AdamWScalars,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  return runKernel<[tf.Tensor, tf.Tensor, tf.Tensor]>(
    AdamWUpdate,
    {value, gradient, first, second},
    {...scalars},
  );
}
