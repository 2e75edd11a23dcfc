import * as tf from '@tensorflow/tfjs-core';
import '../gradients/boundary_decode_grad.js';
import '../kernels/composed/boundary_decode.js';
import {BoundaryDecode} from '../kernels/kernel_names.js';
import {boundaryInputs, runBoundary} from './boundary_inputs.js';

function boundaryDecode_(
  z: tf.Tensor | tf.TensorLike,
  ids: tf.Tensor | tf.TensorLike,
  projector: tf.Tensor | tf.TensorLike,
  anchors: tf.Tensor | tf.TensorLike,
  basis: tf.Tensor | tf.TensorLike,
): tf.Tensor {
  const inputs = boundaryInputs(z, 'z', 1, ids, projector, anchors, basis, 'boundaryDecode');
  return runBoundary(BoundaryDecode, 'z', inputs, inputs.width);
}

/**
 * Rebuilds activations on the receiving side of a pipeline boundary: `x̂ = z Aᵀ + E[ids] P`.
 *
 * Published: MAPL (arXiv 2606.05484), receiver formula. The anchors added here are the *receiving* stage's own, not those
 * that the sender subtracted. Differentiable in all but the ids.
 *
 * @param z Compressed activations `[..., r]`, float32.
 * @param ids Token ids `[...]`, int32, of the same positions; checked as in `boundaryEncode`.
 * @param projector `A [d, r]`, float32: the sender's, rounded as it crossed the wire.
 * @param anchors `E [V, a]`, float32, one row per token of the vocabulary.
 * @param basis `P [a, d]`, float32.
 * @returns `x̂ [..., d]`, float32. NaN in `z` propagates.
 * @throws Error that names the argument if a shape, a dtype or an id does not fit.
 */
export const boundaryDecode = /* @__PURE__ */ tf.op({boundaryDecode_});
