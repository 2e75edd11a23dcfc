/** Anchor embeddings, factorised `a(t) = E[t] P` (MAPL section 5, published; initial values inferred) or a plain table. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {orthogonalMatrix} from '../manifolds/random_stiefel.js';
import {checkBoolean, checkInteger, checkNumber} from '../ops/check_values.js';
import {checkAnchorArgs, type AnchorEmbeddingArgs} from './anchor_args.js';
import {connectedAnchors} from './connected_anchors.js';
import {embeddingLookup} from './embedding_lookup.js';
import type {Kwargs, LayerInputs, LayerOutputs} from './layer_types.js';
import {createWeight} from './layer_weight.js';
import {seededNormals} from './seeded_initializer.js';
import {SharedLayer} from './shared_layer.js';
import {weightSeed} from './weight_seed.js';

export type {AnchorEmbeddingArgs};

const WHERE = 'AnchorEmbedding';

/**
 * The anchors of one pipeline stage: a trainable table `E [V, a]` and a fixed basis `P [a, d]` with orthonormal rows; or, not
 * factorised, a table `[V, d]` alone.
 * Applied to int32 ids `[…]` it gives `E[ids] P`, float32 `[…, d]`. Boundaries do not apply it: they take the two
 * factors, and never build anything `d` wide on the sending side.
 *
 * Two boundaries share a stage's anchors by being given the same instance. The layer that builds the anchors first lists
 * the weights (`<name>/table`, `<name>/basis`), so that a model lists them once.
 */
export class AnchorEmbedding extends SharedLayer {
  /** @nocollapse */
  static className = 'AnchorEmbedding';
  readonly vocabSize: number;
  readonly anchorRank: number;
  readonly factorised: boolean;
  readonly initializerRange: number;
  readonly seed?: number;
  /** Width `d` of the anchors, known once built. */
  units?: number;
  /** Trainable factor `E [V, a]`; present once built. */
  table!: tfl.LayerVariable;
  /** Fixed factor `P [a, d]`, orthonormal rows; present once built, null where the table alone is the anchors. */
  basis: tfl.LayerVariable | null = null;
  /** The layer that built the anchors and lists their weights: a boundary, or this layer itself. */
  owner: tfl.layers.Layer | null = null;
  private relink = false;
  private source: AnchorEmbedding | null = null;

  constructor(args: AnchorEmbeddingArgs) {
    super(checkAnchorArgs(`new ${WHERE}`, args, new.target !== AnchorEmbedding));
    this.vocabSize = checkInteger(WHERE, 'vocabSize', args.vocabSize, 1);
    this.factorised = checkBoolean(WHERE, 'factorised', args.factorised ?? true);
    this.units = args.units == null ? undefined : checkInteger(WHERE, 'units', args.units, 1);
    const rank = args.anchorRank ?? (this.factorised ? undefined : this.units);
    this.anchorRank = checkInteger(WHERE, 'anchorRank', rank as number, 1);
    this.initializerRange = checkNumber(WHERE, 'initializerRange', args.initializerRange ?? 0);
    this.seed = args.seed;
    this.checkRank();
  }

  /**
   * Creates the weights for anchors of width `units`, unless that has been done, and makes `owner` the layer that lists
   * them.
   *
   * @param fast Skip initial values, because loaded ones follow.
   */
  buildFor(units: number, owner: tfl.layers.Layer, fast = false): void {
    if (this.units != null && this.units !== units) {
      throw new Error(
        `AnchorEmbedding '${this.name}' has units = ${this.units}, but '${owner.name}' has activations of width ` +
          `${units}: share anchors only between boundaries of the same width.`,
      );
    }
    this.units = units;
    this.checkRank();
    if (this.owner != null) {
      return;
    }
    this.owner = owner;
    const {name, vocabSize, anchorRank, initializerRange} = this;
    // A seed of one's own goes by the factor alone, so that anchors of other names start the same.
    const [seed, prefix] = this.seed == null ? [0, `${name}/`] : [this.seed, ''];
    const size = vocabSize * anchorRank;
    const table =
      fast || initializerRange === 0
        ? null
        : seededNormals(size, initializerRange, seed, `${prefix}table`);
    this.table = createWeight(`${name}/table`, [vocabSize, anchorRank], table, this.trainable);
    if (this.factorised) {
      const basisSeed = weightSeed(seed, `${prefix}basis`);
      const basis = fast ? null : orthogonalMatrix(anchorRank, units, basisSeed);
      this.basis = createWeight(`${name}/basis`, [anchorRank, units], basis, false);
    }
    this.built = true;
    if (owner === this) {
      const {learned, fixed} = this.ownWeights();
      this._trainableWeights = learned;
      this.nonTrainableWeights = fixed;
    }
  }

  /** The weights that exist, once built, for the layer that lists them. */
  ownWeights(): {learned: tfl.LayerVariable[]; fixed: tfl.LayerVariable[]} {
    const basis = this.basis == null ? [] : [this.basis];
    return this.trainable
      ? {learned: [this.table], fixed: basis}
      : {learned: [], fixed: [this.table, ...basis]};
  }

  /** These anchors, as the other layers that use some have it. */
  anchorTables(): AnchorEmbedding[] {
    return [this];
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const layer = new cls(config);
    (layer as unknown as AnchorEmbedding).relink = true;
    return layer;
  }

  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    if (this.owner == null && this.relink) {
      this.adopt(inputs);
    }
    this.build();
    return super.apply(inputs, kwargs);
  }

  override build(): void {
    if (this.owner != null) {
      return;
    }
    if (this.units == null) {
      throw new Error(
        `AnchorEmbedding '${this.name}': units is missing, expected the width d of the anchors: pass {units: d}.`,
      );
    }
    this.buildFor(this.units, this, this.fastInit);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const ids = Array.isArray(inputs) ? inputs[0] : inputs;
      return tf.reshape(this.rows(ids), [...ids.shape, this.units as number]);
    });
  }

  /** Anchors of int32 ids of any shape, `[n, d]`. */
  rows(ids: tf.Tensor): tf.Tensor2D {
    const rows = embeddingLookup(this.table.read() as tf.Tensor2D, ids, this.label());
    return this.basis == null ? rows : tf.matMul(rows, this.basis.read() as tf.Tensor2D);
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tfl.Shape;
    return [...shape, this.units ?? null];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const config: tf.serialization.ConfigDict = {
      ...super.getConfig(),
      vocabSize: this.vocabSize,
      anchorRank: this.anchorRank,
      factorised: this.factorised,
      initializerRange: this.initializerRange,
    };
    if (this.units != null) config.units = this.units;
    if (this.seed != null) config.seed = this.seed;
    return config;
  }

  /** The weights go when the last user has gone, whichever layer lists them. */
  protected override disposeWeights(): number {
    if (this.source != null) {
      return this.source.dispose().numDisposedVariables;
    }
    this.table.dispose();
    this.basis?.dispose();
    return this.basis == null ? 1 : 2;
  }

  /** After deserialisation: takes over the weights of anchors of this name that a boundary of the model has built. */
  private adopt(inputs: LayerInputs): void {
    const other = connectedAnchors(inputs).find((a) => a.name === this.name && a.owner != null);
    if (other == null) {
      return;
    }
    this.source = other;
    this.owner = other.owner;
    this.units = other.units;
    this.table = other.table;
    this.basis = other.basis;
    this.built = true;
    other.retain();
  }

  private label(): string {
    return `AnchorEmbedding '${this.name}'`;
  }

  private checkRank(): void {
    if (this.units != null && this.anchorRank > this.units) {
      throw new Error(
        `AnchorEmbedding '${this.name}': anchorRank is ${this.anchorRank}, expected at most the width ` +
          `${this.units}: a basis cannot have more orthonormal rows than columns.`,
      );
    }
    if (!this.factorised && this.anchorRank !== this.units) {
      throw new Error(
        `AnchorEmbedding '${this.name}': factorised is false and anchorRank ${this.anchorRank}, expected the width ` +
          `units = ${this.units}: without a basis the table has whole anchors.`,
      );
    }
  }
}
tf.serialization.registerClass(AnchorEmbedding);

/** Creates an {@link AnchorEmbedding}, in the manner of `tf.layers.dense(args)`. */
export function anchorEmbedding(args: AnchorEmbeddingArgs): AnchorEmbedding {
  return new AnchorEmbedding(checkAnchorArgs('anchorEmbedding', args));
}
