import * as tf from '@tensorflow/tfjs-core';
import type {BoundaryEncoder} from '../../layers/boundary_encoder.js';
import type {BoundaryHealth} from '../run/records.js';
import {orthogonalityError} from './orthogonality.js';

/**
 * Measures what a projector lets through while batches pass the sending half of its boundary: the energy of
 * the residual R = X − anchors inside the projector's subspace, and inside that of its random start.
 */
export class EnergyProbe {
  private readonly sums: tf.Scalar[][] = [];

  constructor(private readonly encoder: BoundaryEncoder) {
    const start = encoder.boundary.initialProjector(encoder.boundary.units as number);
    // tfjs' own hook: called with the layer's inputs, inside its tidy.
    encoder.setCallHook((inputs) => this.measure(inputs as tf.Tensor[], start));
  }

  /** Takes the hook out and gives the measurements. Needs at least one batch to have passed. */
  async finish(index: number): Promise<BoundaryHealth> {
    this.encoder.clearCallHook();
    const {boundary} = this.encoder;
    let [captured, start, whole] = [0, 0, 0];
    for (const sums of this.sums) {
      const [c, s, w] = await Promise.all(sums.map(async (sum) => (await sum.data())[0]));
      captured += c;
      start += s;
      whole += w;
    }
    this.dispose();
    const values = await boundary.projector.read().data();
    return {
      boundary: index,
      orthogonality: orthogonalityError(values, boundary.units as number, boundary.rank),
      capturedEnergy: captured / whole,
      startEnergy: start / whole,
    };
  }

  /** Frees what was measured. */
  dispose(): void {
    this.encoder.clearCallHook();
    tf.dispose(this.sums);
    this.sums.length = 0;
  }

  private measure([x, ids]: tf.Tensor[], start: Float32Array): void {
    const {boundary, senderAnchors} = this.encoder;
    const sums = tf.tidy(() => {
      const d = boundary.units as number;
      let residual = tf.reshape(x, [-1, d]) as tf.Tensor2D;
      if (senderAnchors) {
        const rows = tf.gather(senderAnchors.table.read(), tf.reshape(ids, [-1]));
        const anchors = tf.matMul(rows as tf.Tensor2D, senderAnchors.basis.read() as tf.Tensor2D);
        residual = tf.sub(residual, anchors);
      }
      const energy = (tensor: tf.Tensor) => tf.sum(tf.square(tensor)) as tf.Scalar;
      const inside = (projector: tf.Tensor2D) => energy(tf.matMul(residual, projector));
      return [
        inside(boundary.projector.read() as tf.Tensor2D),
        inside(tf.tensor2d(start, [d, boundary.rank])),
        energy(residual),
      ];
    });
    this.sums.push(sums.map((sum) => tf.keep(sum)));
  }
}
