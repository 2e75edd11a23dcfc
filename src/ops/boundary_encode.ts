import * as tf from '@tensorflow/tfjs-core';
import '../gradients/boundary_encode_grad.js';
import '../kernels/composed/boundary_encode.js';
import {BoundaryEncode} from '../kernels/kernel_names.js';
import {boundaryInputs, runBoundary} from './boundary_inputs.js';

function boundaryEncode_(
  x: tf.Tensor | tf.TensorLike,
  ids: tf.Tensor | tf.TensorLike,
  projector: tf.Tensor | tf.TensorLike,
  anchors: tf.Tensor | tf.TensorLike,
  basis: tf.Tensor | tf.TensorLike,
): tf.Tensor {
  const inputs = boundaryInputs(x, 'x', 0, ids, projector, anchors, basis, 'boundaryEncode');
  return runBoundary(BoundaryEncode, 'x', inputs, inputs.rank);
}

/**
 * Compresses activations for the wire, on the sending side of a pipeline boundary: `z = (x − E[ids] P) A`.
 *
 * Published: MAPL (arXiv 2606.05484), sender formula. The anchors subtracted here are the *sending* stage's own.
 * Differentiable in all but the ids.
 *
 * ```ts
 * const z = boundaryEncode(x, ids, projector, anchors, basis);  // [B, T, d] -> [B, T, r]
 * ```
 *
 * @param x Activations `[..., d]`, float32.
 * @param ids Token ids `[...]`, int32, of the same positions. Ids outside the vocabulary are refused; on `webgpu` and
 *     `webgl` only while the ids' values are still on the host, because reading them back would stall the queue.
 * @param projector `A [d, r]`, float32, orthonormal columns (not checked here: the optimizer keeps them so).
 * @param anchors `E [V, a]`, float32, one row per token of the vocabulary.
 * @param basis `P [a, d]`, float32.
 * @returns `z [..., r]`, float32. NaN in `x` propagates.
 * @throws Error that names the argument if a shape, a dtype or an id does not fit.
 */
export const boundaryEncode = /* @__PURE__ */ tf.op({boundaryEncode_});
