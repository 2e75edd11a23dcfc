/** The boundary between two pipeline stages as one layer of a whole model (MAPL section 3, published). */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {checkIds} from '../ops/check_ids.js';
import type {AnchorsArg} from './boundary_anchors.js';
import {checkBoundaryArgs, type ProjectionBoundaryArgs} from './boundary_args.js';
import {BoundaryDecoder} from './boundary_decoder.js';
import {BoundaryEncoder} from './boundary_encoder.js';
import {checkBoundaryInputs, checkBoundaryShapes} from './boundary_inputs.js';
import {decodeBoundary, encodeBoundary} from './boundary_math.js';
import {BoundaryWeights} from './boundary_weights.js';
import type {Kwargs, LayerArgs, LayerInputs, LayerOutputs} from './layer_types.js';

export type {AnchorsArg, ProjectionBoundaryArgs};

/**
 * Compresses activations to `rank` numbers a token and expands them again, as when they cross to the next stage:
 *
 *     z = (x − E_s[ids] P_s) A        x̂ = z Aᵀ + E_r[ids] P_r
 *
 * Applied to `[activations float32 [batch, time, d], ids int32 [batch, time]]` it gives `x̂ [batch, time, d]`. In a
 * pipeline {@link encoder} and {@link decoder} replace it, one in each stage.
 *
 * Weights: `<name>/projector [d, r]`, orthonormal columns at the start, which only an optimizer that knows the manifold
 * keeps (`train.spel`: layer constraints do nothing under `fit`); and `<anchors>/table`, `<anchors>/basis` of each
 * {@link AnchorEmbedding} that this boundary was the first to build; and those of the {@link quantizer}.
 *
 * ```js
 * const first = projectionBoundary({rank: 32, vocabSize: 2048});
 * const second = projectionBoundary({rank: 32, vocabSize: 2048, senderAnchors: first.receiverAnchors});
 * let x = first.apply([blocks1.apply(embedded), ids]);
 * x = second.apply([blocks2.apply(x), ids]);
 * ```
 */
export class ProjectionBoundary extends BoundaryWeights {
  /** @nocollapse */
  static className = 'ProjectionBoundary';

  constructor(args: ProjectionBoundaryArgs) {
    const subclass = new.target !== ProjectionBoundary;
    super(checkBoundaryArgs('new ProjectionBoundary', args, subclass));
    this.supportsMasking = true;
  }

  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    const d = checkBoundaryInputs(inputs, this.label(), 'activations', this.units);
    this.linkAnchors(inputs);
    this.buildFor(d);
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    this.buildFor(checkBoundaryShapes(inputShape, this.label(), 'activations', this.units));
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const [x, ids] = inputs as [tf.Tensor3D, tf.Tensor2D];
      checkIds(ids, this.vocabSize, 'ids', 'the vocabulary', this.label());
      const projector = this.projector.read() as tf.Tensor2D;
      const encoded = encodeBoundary(x, ids, projector, this.senderAnchors);
      const training = kwargs?.training === true;
      const z = (this.quantizer?.quantize(encoded, training) ?? encoded) as tf.Tensor3D;
      return decodeBoundary(z, ids, projector, this.receiverAnchors);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    checkBoundaryShapes(inputShape, this.label(), 'activations', this.units);
    return (inputShape as tfl.Shape[])[0];
  }

  /** Positions stay where they are: the mask of the activations is that of the result. */
  override computeMask(
    _inputs: tf.Tensor | tf.Tensor[],
    mask?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor {
    return (Array.isArray(mask) ? mask[0] : mask) as tf.Tensor;
  }

  /**
   * The sending half: applied to `[activations, ids]` it gives `z [batch, time, r]`. It multiplies by its own wire copy of
   * the projector, see {@link BoundaryHalf.setWireProjector}.
   *
   * @param args Layer arguments; default name `<name>.encoder`.
   */
  encoder(args: LayerArgs = {}): BoundaryEncoder {
    return new BoundaryEncoder({name: `${this.name}.encoder`, ...args, boundary: this});
  }

  /** The receiving half: applied to `[z, ids]` it gives `x̂ [batch, time, d]`; default name `<name>.decoder`. */
  decoder(args: LayerArgs = {}): BoundaryDecoder {
    return new BoundaryDecoder({name: `${this.name}.decoder`, ...args, boundary: this});
  }
}
tf.serialization.registerClass(ProjectionBoundary);

/** Creates a {@link ProjectionBoundary}, in the manner of `tf.layers.dense(args)`. */
export function projectionBoundary(args: ProjectionBoundaryArgs): ProjectionBoundary {
  return new ProjectionBoundary(checkBoundaryArgs('projectionBoundary', args));
}
