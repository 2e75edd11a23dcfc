/** What a boundary owns: its projector, its anchors and its quantiser, from arguments to disposal. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {randomStiefel} from '../manifolds/random_stiefel.js';
import {checkInteger} from '../ops/check_values.js';
import {nestedConfig} from '../ops/nested_config.js';
import {AnchorEmbedding} from './anchor_embedding.js';
import {linkAnchors, makeAnchors, type AnchorsArg} from './boundary_anchors.js';
import {anchorsKind, type ProjectionBoundaryArgs} from './boundary_args.js';
import {makeQuantizer} from './boundary_quantizer.js';
import {type BoundaryPart, CompressedBoundary} from './compressed_boundary.js';
import type {LayerInputs} from './layer_types.js';
import {createWeight} from './layer_weight.js';
import type {ResidualVectorQuantizer} from './residual_vector_quantizer.js';
import {weightSeed} from './weight_seed.js';

/**
 * The weights of a `ProjectionBoundary`, without what it computes. The whole boundary builds all of them, a half in a stage
 * of its own only those that it uses; each is built once, listed by the layer that built it, and freed with its last user.
 */
export abstract class BoundaryWeights extends CompressedBoundary {
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
    super(args);
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

  /** The projector's starting values, row-major: a random point of St(d, r) by the boundary's seed. */
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

  /** How messages name the layer. */
  protected label(): string {
    return `ProjectionBoundary '${this.name}'`;
  }
}
