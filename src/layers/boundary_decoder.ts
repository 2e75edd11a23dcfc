/** The receiving half of a boundary, first layer of a stage. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {AnchorEmbedding} from './anchor_embedding.js';
import {BoundaryHalf} from './boundary_half.js';
import {checkBoundaryInputs, checkBoundaryShapes} from './boundary_inputs.js';
import {decodeBoundary} from './boundary_math.js';
import {checkIds} from '../ops/check_ids.js';
import type {Kwargs, LayerInputs, LayerOutputs} from './layer_types.js';

/**
 * `[z [b,t,r], ids int32 [b,t]]` → `x̂ = z Aᵀ + E_r[ids] P_r`, `[b,t,d]`; made by `boundary.decoder()`.
 *
 * Weights: the receiver's anchors, unless another boundary built them first. The projector's master is the encoder's.
 */
export class BoundaryDecoder extends BoundaryHalf {
  /** @nocollapse */
  static className = 'BoundaryDecoder';

  /** Anchors that this half adds; null without anchors. */
  get receiverAnchors(): AnchorEmbedding | null {
    return this.boundary.receiverAnchors;
  }

  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    checkBoundaryInputs(inputs, this.label(), 'z', this.boundary.rank);
    this.link(inputs);
    this.buildWeights();
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    checkBoundaryShapes(inputShape, this.label(), 'z', this.boundary.rank);
    this.buildWeights();
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const [z, ids] = inputs as [tf.Tensor3D, tf.Tensor2D];
      checkIds(ids, this.boundary.vocabSize, 'ids', 'the vocabulary', this.label());
      return decodeBoundary(z, ids, this.wireProjector.read() as tf.Tensor2D, this.receiverAnchors);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [z] = inputShape as tfl.Shape[];
    return [z[0], z[1], this.boundary.units ?? null];
  }

  private buildWeights(): void {
    if (this.built) {
      return;
    }
    const {boundary, receiverAnchors} = this;
    if (boundary.units == null) {
      throw new Error(
        `${this.label()}: the width d of the activations is not known yet: ` +
          `give the boundary {units: d}, or apply the boundary or its encoder first.`,
      );
    }
    if (receiverAnchors != null) {
      boundary.buildAnchors(receiverAnchors, boundary.units);
    }
    this.buildWire();
    const listed = receiverAnchors?.owner === boundary ? [receiverAnchors] : [];
    this._trainableWeights = listed.flatMap((anchors) => anchors.ownWeights().learned);
    this.nonTrainableWeights = listed.flatMap((anchors) => anchors.ownWeights().fixed);
    this.built = true;
  }
}
tf.serialization.registerClass(BoundaryDecoder);
