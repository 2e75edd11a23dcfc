/** What the boundaries of a model let through, measured on a batch. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {diagnostics, ProjectionBoundary} from 'tfjs-mapl';

export interface BoundaryHealth {
  /** Share of the energy of the activations, anchors taken off, that lies in the projector's subspace: ‖RA‖²/‖R‖². */
  captured: number;
  /** The same for the random matrix that the projector was at the start. */
  capturedAtStart: number;
  /** ‖AᵀA − I‖₂: 0 on the Stiefel manifold, some 1e-6 in float32. */
  orthogonality: number;
}

/**
 * One forward pass, looking at the input of each {@link ProjectionBoundary}.
 *
 * @param ids int32 `[batch, time]`.
 */
export async function boundaryHealth(
  model: tfl.LayersModel,
  ids: tf.Tensor,
): Promise<BoundaryHealth[]> {
  const boundaries = model.layers.filter((layer) => layer instanceof ProjectionBoundary);
  if (boundaries.length === 0) return [];
  const residuals = new Map<ProjectionBoundary, tf.Tensor>();
  for (const boundary of boundaries) {
    // tfjs's own hook: called with the layer's inputs, within its tidy.
    boundary.setCallHook((inputs) => {
      const [x, tokens] = inputs as tf.Tensor[];
      const residual = tf.tidy(() => {
        const anchors = boundary.senderAnchors?.call(tokens, {});
        return anchors == null ? tf.clone(x) : tf.sub(x, anchors);
      });
      residuals.set(boundary, tf.keep(residual));
    });
  }
  try {
    tf.dispose(model.predict(ids));
    const health: BoundaryHealth[] = [];
    for (const boundary of boundaries) {
      const residual = residuals.get(boundary)!;
      const projector = boundary.projector.read();
      const start = tf.tensor(
        boundary.initialProjector(projector.shape[0]),
        projector.shape,
        'float32',
      );
      health.push({
        captured: await diagnostics.capturedEnergy(residual, projector),
        capturedAtStart: await diagnostics.capturedEnergy(residual, start),
        orthogonality: await diagnostics.orthogonalityError(projector),
      });
      start.dispose();
    }
    return health;
  } finally {
    boundaries.forEach((boundary) => boundary.clearCallHook());
    residuals.forEach((residual) => residual.dispose());
  }
}
