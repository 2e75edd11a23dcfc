/** The boundary between two pipeline stages as one layer of a whole model (MAPL section 3, published). */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {randomStiefel} from '../manifolds/random_stiefel.js';
import {AnchorEmbedding} from './anchor_embedding.js';
import {linkAnchors, makeAnchors, type AnchorsArg} from './boundary_anchors.js';
import {anchorsKind, checkBoundaryArgs, type ProjectionBoundaryArgs} from './boundary_args.js';
import {BoundaryDecoder} from './boundary_decoder.js';
import {BoundaryEncoder} from './boundary_encoder.js';
import {checkBoundaryInputs, checkBoundaryShapes} from './boundary_inputs.js';
import {decodeBoundary, encodeBoundary} from './boundary_math.js';
import {makeQuantizer} from './boundary_quantizer.js';
import {type BoundaryPart, CompressedBoundary} from './compressed_boundary.js';
import {checkIds} from '../ops/check_ids.js';
import {checkInteger} from '../ops/check_values.js';
import {nestedConfig} from '../ops/nested_config.js';
import type {Kwargs, LayerArgs, LayerInputs, LayerOutputs} from './layer_types.js';
import {createWeight} from './layer_weight.js';
import type {ResidualVectorQuantizer} from './residual_vector_quantizer.js';
import {weightSeed} from './weight_seed.js';

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
export class ProjectionBoundary extends CompressedBoundary {
  /** @nocollapse */
  static className = 'ProjectionBoundary';
  readonly rank: number;
  readonly vocabSize: number;
  readonly seed?: number;
  readonly trainableProjector: boolean;
  /** Whether the projector's columns are to stay orthonormal, so that its weight has the name by which recipes take SPEL. */
  readonly constrained: boolean;
  readonly anchors: 'factorised' | 'none';
  /** Width `d` of the activations, once known. */
  units?: number;
  /** `A [d, r]`, float32: the master that an optimizer updates; present once built. */
  projector!: tfl.LayerVariable;
  /** Anchors subtracted by the sender; null without anchors. */
  senderAnchors: AnchorEmbedding | null;
  /** Anchors added by the receiver; null without anchors. */
  receiverAnchors: AnchorEmbedding | null;
  /**
   * Quantises `z`, or null. In a pipeline neither half applies it: the leg codec `rvq` does, with these codebooks as the
   * sender's live ones.
   */
  readonly quantizer: ResidualVectorQuantizer | null;
  private readonly relink: boolean;
  private readonly retained = new Set<AnchorEmbedding>();

  constructor(args: ProjectionBoundaryArgs) {
    const subclass = new.target !== ProjectionBoundary;
    super(checkBoundaryArgs('new ProjectionBoundary', args, subclass));
    this.supportsMasking = true;
    const where = 'ProjectionBoundary';
    this.rank = checkInteger(where, 'rank', args.rank, 1);
    this.vocabSize = checkInteger(where, 'vocabSize', args.vocabSize, 1);
    this.units = args.units == null ? undefined : checkInteger(where, 'units', args.units, 1);
    this.seed = args.seed;
    this.trainableProjector = args.trainableProjector ?? true;
    this.constrained = args.constrained ?? true;
    this.anchors = anchorsKind(args);
    const {name, vocabSize, seed, trainable, anchors} = this;
    const owner = {name, vocabSize, seed, trainable, anchorRank: args.anchorRank ?? this.rank};
    const make = (arg: AnchorsArg | undefined, role: 'sender' | 'receiver') =>
      anchors === 'none' ? null : makeAnchors(arg, role, owner);
    this.senderAnchors = make(args.senderAnchors, 'sender');
    this.receiverAnchors = make(args.receiverAnchors, 'receiver');
    if (this.receiverAnchors?.name === this.senderAnchors?.name) {
      this.receiverAnchors = this.senderAnchors;
    }
    const given = [args.senderAnchors, args.receiverAnchors];
    this.relink = given.some((arg) => arg != null && !(arg instanceof AnchorEmbedding));
    this.quantizer = args.quantizer == null ? null : makeQuantizer(args.quantizer, this);
    if (this.units != null) this.checkRank(this.units);
  }

  /** Width of the anchor tables; 0 without anchors. */
  get anchorRank(): number {
    return this.senderAnchors?.anchorRank ?? 0;
  }

  /** The anchors that this boundary uses, each once. */
  anchorTables(): AnchorEmbedding[] {
    const both = [this.senderAnchors, this.receiverAnchors];
    return [...new Set(both.filter((anchors) => anchors != null))];
  }

  /** The projector is the encoder's: the decoder has a copy. */
  partWeights(part: BoundaryPart): tfl.LayerVariable[] {
    const {senderAnchors, receiverAnchors} = this;
    const anchors = {
      all: this.anchorTables(),
      encoder: [senderAnchors],
      decoder: [receiverAnchors],
    }[part];
    const tables = anchors.flatMap((a) => (a == null ? [] : Object.values(a.ownWeights()).flat()));
    const codebooks = this.quantizer?.weights ?? [];
    return part === 'decoder' ? tables : [this.projector, ...tables, ...codebooks];
  }

  /** The weights that exist and that this boundary or its encoder lists: of `tables` those that it built first. */
  ownWeights(tables: AnchorEmbedding[]): {
    learned: tfl.LayerVariable[];
    fixed: tfl.LayerVariable[];
  } {
    const owned = tables.filter((anchors) => anchors.owner === this);
    const projector = this.projector == null ? [] : [this.projector];
    const learned = owned.flatMap((anchors) => anchors.ownWeights().learned);
    const bases = owned.flatMap((anchors) => anchors.ownWeights().fixed);
    const fixed = [...bases, ...(this.quantizer?.weights ?? [])];
    return this.trainableProjector
      ? {learned: [...projector, ...learned], fixed}
      : {learned, fixed: [...projector, ...fixed]};
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

  override getConfig(): tf.serialization.ConfigDict {
    const config: tf.serialization.ConfigDict = {
      ...super.getConfig(),
      rank: this.rank,
      vocabSize: this.vocabSize,
      trainableProjector: this.trainableProjector,
      constrained: this.constrained,
      anchors: this.anchors,
    };
    if (this.seed != null) config.seed = this.seed;
    if (this.units != null) config.units = this.units;
    const {senderAnchors, receiverAnchors, quantizer} = this;
    if (senderAnchors != null) config.senderAnchors = nestedConfig(senderAnchors);
    if (receiverAnchors != null) config.receiverAnchors = nestedConfig(receiverAnchors);
    if (quantizer != null) config.quantizer = nestedConfig(quantizer);
    return config;
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

  /** Creates all weights for activations of width `d`, or those that are still missing. */
  buildFor(d: number): void {
    this.buildProjector(d);
    for (const anchors of this.anchorTables()) {
      this.buildAnchors(anchors, d);
    }
    this.buildQuantizer();
    this.built = true;
  }

  /** Creates the codebooks, if there is a quantiser and it has none. */
  buildQuantizer(): void {
    this.quantizer?.buildFor(this.rank);
    this.listWeights();
  }

  /** Creates the projector unless there is one. */
  buildProjector(d: number): void {
    this.checkRank(d);
    this.units = d;
    if (this.projector != null) {
      return;
    }
    const values = this.fastInit ? null : this.initialProjector(d);
    const trainable = this.trainable && this.trainableProjector;
    const weight = this.constrained ? 'projector' : 'unconstrained_projector';
    this.projector = createWeight(`${this.name}/${weight}`, [d, this.rank], values, trainable);
    this.listWeights();
    this.built = true;
  }

  /** Creates the weights of one of this boundary's anchors, unless they exist, and counts this boundary as their user. */
  buildAnchors(anchors: AnchorEmbedding, d: number): void {
    this.checkRank(d);
    this.units = d;
    anchors.buildFor(d, this, this.fastInit);
    if (!this.retained.has(anchors)) {
      this.retained.add(anchors);
      anchors.retain();
    }
    this.listWeights();
    this.built = true;
  }

  /** The projector's starting values: a random point of St(d, r), or zeros where loaded values follow. */
  initialProjector(d: number): Float32Array {
    return randomStiefel(d, this.rank, weightSeed(this.seed ?? 0, 'projector'));
  }

  /**
   * After deserialisation: takes the anchors of the same name that a layer of the graph of `inputs` has, in place of the
   * copies in this boundary's own config, so that what was shared before saving is shared again.
   */
  linkAnchors(inputs: LayerInputs): void {
    if (!this.relink || this.retained.size > 0) {
      return;
    }
    const own = [this.senderAnchors, this.receiverAnchors];
    [this.senderAnchors, this.receiverAnchors] = linkAnchors(own, inputs, this.label());
  }

  /** Drops the projector, and the anchors that no other boundary uses. */
  protected override disposeWeights(): number {
    let count = 0;
    if (this.projector != null) {
      this.projector.dispose();
      count = 1;
    }
    for (const anchors of this.retained) {
      count += anchors.dispose().numDisposedVariables;
    }
    if (this.quantizer?.built) {
      count += this.quantizer.release();
    }
    return count;
  }

  private listWeights(): void {
    const {learned, fixed} = this.ownWeights(this.anchorTables());
    this._trainableWeights = learned;
    this.nonTrainableWeights = fixed;
  }

  private checkRank(d: number): void {
    if (this.rank > d) {
      throw new Error(
        `${this.label()}: rank is ${this.rank}, expected an integer from 1 to the width d = ${d} of the activations.`,
      );
    }
    if (this.units != null && this.units !== d) {
      throw new Error(`${this.label()}: activations have width ${d}, expected ${this.units}.`);
    }
  }

  private label(): string {
    return `ProjectionBoundary '${this.name}'`;
  }
}
tf.serialization.registerClass(ProjectionBoundary);

/** Creates a {@link ProjectionBoundary}, in the manner of `tf.layers.dense(args)`. */
export function projectionBoundary(args: ProjectionBoundaryArgs): ProjectionBoundary {
  return new ProjectionBoundary(checkBoundaryArgs('projectionBoundary', args));
}
