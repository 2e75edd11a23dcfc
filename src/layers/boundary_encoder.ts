/** The sending half of a boundary, last layer of a stage. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {AnchorEmbedding} from './anchor_embedding.js';
import {BoundaryHalf} from './boundary_half.js';
import {checkBoundaryInputs, checkBoundaryShapes} from './boundary_inputs.js';
import {encodeBoundary} from './boundary_math.js';
import {checkIds} from '../ops/check_ids.js';
import type {Kwargs, LayerInputs, LayerOutputs} from './layer_types.js';

/**
 * `[activations [b,t,d], ids int32 [b,t]]` → `z = (x − E_s[ids] P_s) A`, `[b,t,r]`; made by `boundary.encoder()`.
 *
 * Weights: the master `projector`, and the sender's anchors if no other boundary of the stage lists them already (the one
 * at the stage's input does, where anchors are shared); and the codebooks of the boundary's quantiser, which the leg codec uses.
 */
export class BoundaryEncoder extends BoundaryHalf {
  /** @nocollapse */
  static className = 'BoundaryEncoder';

  /** Anchors that this half subtracts; null without anchors. */
  get senderAnchors(): AnchorEmbedding | null {
    return this.boundary.senderAnchors;
  }

  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    const {units} = this.boundary;
    const d = checkBoundaryInputs(inputs, this.label(), 'activations', units);
    this.link(inputs);
    this.buildFor(d);
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const {units} = this.boundary;
    this.buildFor(checkBoundaryShapes(inputShape, this.label(), 'activations', units));
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const [x, ids] = inputs as [tf.Tensor3D, tf.Tensor2D];
      checkIds(ids, this.boundary.vocabSize, 'ids', 'the vocabulary', this.label());
      return encodeBoundary(x, ids, this.wireProjector.read() as tf.Tensor2D, this.senderAnchors);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [x] = inputShape as tfl.Shape[];
    return [x[0], x[1], this.boundary.rank];
  }

  private buildFor(d: number): void {
    if (this.built) {
      return;
    }
    const {boundary, senderAnchors} = this;
    boundary.buildProjector(d);
    if (senderAnchors != null) {
      boundary.buildAnchors(senderAnchors, d);
    }
    boundary.buildQuantizer();
    this.buildWire();
    const {learned, fixed} = boundary.ownWeights(senderAnchors == null ? [] : [senderAnchors]);
    this._trainableWeights = learned;
    this.nonTrainableWeights = fixed;
    this.built = true;
  }
}
tf.serialization.registerClass(BoundaryEncoder);
