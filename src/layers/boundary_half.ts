/** What the two halves of a boundary have in common: the boundary itself and a wire copy of its projector. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {refuseValue} from '../ops/check_values.js';
import {fromNestedConfig, nestedConfig} from '../ops/nested_config.js';
import type {AnchorEmbedding} from './anchor_embedding.js';
import {checkLayerArgs, classNameOf} from './check_layer_args.js';
import {connectedLayers} from './find_layers.js';
import {layerKeys, type LayerArgs, type LayerInputs} from './layer_types.js';
import {createWeight, writeWeight} from './layer_weight.js';
import type {ProjectionBoundary} from './projection_boundary.js';
import type {ResidualVectorQuantizer} from './residual_vector_quantizer.js';
import {SharedLayer} from './shared_layer.js';

/** Arguments of the halves; use `boundary.encoder()` and `boundary.decoder()`. */
export interface BoundaryHalfArgs extends LayerArgs {
  /** The boundary, or its config (what `getConfig` gives). */
  boundary: ProjectionBoundary | {className: string; config: object};
}

const KEYS = layerKeys<BoundaryHalfArgs>({boundary: true});

/**
 * One half of a {@link ProjectionBoundary}.
 *
 * **Master and wire copy.** The sending stage owns the float32 master `boundary.projector` and updates it. What both
 * halves multiply by is their `wireProjector`, a copy rounded to the dtype in which the projector is sent, so that sender
 * and receiver use the same bits (method section 6). The gradient of the encoder's copy is the sender's half `Rᵀ G_Z` of
 * the projector's gradient, that of the decoder's the receiver's half `Gᵀ Z`. Wire copies are not among the layer's
 * `weights`: they are in no checkpoint, and whoever trains a stage asks for their gradients by name and calls
 * {@link setWireProjector} after each update, on both ends.
 */
export abstract class BoundaryHalf extends SharedLayer {
  /** The boundary this is half of. */
  boundary: ProjectionBoundary;
  /** Copy `[d, r]` of the projector that this half multiplies by; present once built. Starts as the unrounded master. */
  wireProjector!: tfl.LayerVariable;
  private readonly relink: boolean;
  private holdsBoundary = false;

  constructor(args: BoundaryHalfArgs) {
    super(checkHalfArgs(classNameOf(new.target), args));
    this.relink = !(args.boundary instanceof tfl.layers.Layer);
    this.boundary = this.relink
      ? boundaryOfConfig(args.boundary as {className: string; config: object})
      : (args.boundary as ProjectionBoundary);
    this.trainable = args.trainable ?? this.boundary.trainable;
  }

  /** Anchors of the whole boundary. */
  anchorTables(): AnchorEmbedding[] {
    return this.boundary.anchorTables();
  }

  /** Quantiser of the whole boundary, which no half applies: what packs `z` for the wire does. */
  get quantizer(): ResidualVectorQuantizer | null {
    return this.boundary.quantizer;
  }

  override setFastWeightInitDuringBuild(value: boolean): void {
    super.setFastWeightInitDuringBuild(value);
    this.boundary.setFastWeightInitDuringBuild(value);
  }

  /**
   * Sets the copy this half multiplies by.
   *
   * @param values `d · r` numbers, row-major: the master as it came over the wire.
   * @throws If the half is not built yet or the number of values is not `d · r`.
   */
  setWireProjector(values: Float32Array): void {
    if (this.wireProjector == null) {
      throw new Error(
        `${this.label()}: setWireProjector was called before the layer was applied: apply it first.`,
      );
    }
    writeWeight(this.wireProjector, values);
  }

  /** Finds the boundary's other half in the graph after deserialisation, and the anchors it shares. */
  protected link(inputs: LayerInputs): void {
    if (this.wireProjector != null || !this.relink) {
      return;
    }
    for (const layer of connectedLayers(inputs)) {
      if (layer instanceof BoundaryHalf && layer.boundary.name === this.boundary.name) {
        this.boundary = layer.boundary;
      }
    }
    this.boundary.linkAnchors(inputs);
  }

  /** Creates the wire copy and takes hold of the boundary, once. */
  protected buildWire(): void {
    if (this.wireProjector != null) {
      return;
    }
    const {boundary} = this;
    const d = boundary.units as number;
    this.wireProjector = createWeight(
      `${this.name}/wire_projector`,
      [d, boundary.rank],
      null,
      true,
    );
    if (boundary.projector != null) {
      this.wireProjector.write(boundary.projector.read());
    } else {
      writeWeight(this.wireProjector, boundary.initialProjector(d));
    }
    this.holdsBoundary = true;
    boundary.retain();
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {...super.getConfig(), boundary: nestedConfig(this.boundary)};
  }

  protected override disposeWeights(): number {
    let count = 0;
    if (this.holdsBoundary) {
      this.wireProjector.dispose();
      count = 1 + this.boundary.dispose().numDisposedVariables;
      this.holdsBoundary = false;
    }
    return count;
  }

  /** How messages name the layer. */
  protected label(): string {
    return `${this.getClassName()} '${this.name}'`;
  }
}

/** Throws unless `args` hold a boundary or the config of one. */
function checkHalfArgs(where: string, args: BoundaryHalfArgs): BoundaryHalfArgs {
  const given = checkLayerArgs(where, args, 'boundary.encoder() or boundary.decoder()', KEYS);
  const boundary = given.boundary as Partial<{className: string; config: object}> | null;
  const isConfig = typeof boundary?.config === 'object' && typeof boundary.className === 'string';
  if (!isConfig && !(boundary instanceof tfl.layers.Layer && 'anchorTables' in boundary)) {
    const mend =
      'a ProjectionBoundary or its config; call boundary.encoder() or boundary.decoder()';
    refuseValue(where, 'boundary', boundary, mend);
  }
  return given;
}

/** By the name of its class: this file cannot import the class that imports it. */
function boundaryOfConfig(config: {className: string; config: object}): ProjectionBoundary {
  const made: unknown = fromNestedConfig('BoundaryHalf', 'boundary', config, 'ProjectionBoundary');
  return made as ProjectionBoundary;
}
