/** Share of a residual that a projector lets through (method section 2, published: their Fig. 4b). */
import * as tf from '@tensorflow/tfjs-core';
import {asRows, checkMatrix} from './rows.js';

/** ‖RA‖² and ‖R‖² as float32 scalars. For an orthonormal projector the first is part of the second. */
export function energies(
  residual: tf.Tensor,
  projector: tf.Tensor,
): {inside: tf.Scalar; whole: tf.Scalar} {
  return tf.tidy(() => {
    checkMatrix(projector, 'capturedEnergy: the projector');
    const rows = asRows(residual, 'capturedEnergy: the residual', projector.shape[0]);
    const inside = tf.sum(tf.square(tf.matMul(rows, projector))) as tf.Scalar;
    return {inside, whole: tf.sum(tf.square(rows)) as tf.Scalar};
  });
}

/**
 * ‖RA‖²/‖R‖²: the share of the energy of a residual inside the subspace of a projector. A random projector keeps r/d of
 * an unstructured residual.
 *
 * @param residual `R float32 [..., d]`: activations less the sender's anchors.
 * @param projector `A float32 [d, r]` with orthonormal columns; where they are not, the quotient may exceed 1.
 * @returns 0 to 1; 1 for a residual of zeros, of which nothing can be lost.
 * @throws Error on shapes that do not fit.
 */
export async function capturedEnergy(residual: tf.Tensor, projector: tf.Tensor): Promise<number> {
  const {inside, whole} = energies(residual, projector);
  const [[part], [all]] = await Promise.all([inside.data(), whole.data()]);
  tf.dispose([inside, whole]);
  return all === 0 ? 1 : part / all;
}
