/** Token embedding of a LLaMA. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {blockOps} from './block_ops.js';
import {embeddingLookup} from './embedding_lookup.js';
import {checkInteger, checkNumber, checkSeed} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {layerKeys, type Kwargs, type LayerArgs} from './layer_types.js';
import {SeededInitializer} from './seeded_initializer.js';
import {checkSubspace, type SubspaceArgs, SubspaceCache, subspaceRange} from './subspace_cache.js';

/** Arguments of {@link LlamaEmbedding}. */
export interface LlamaEmbeddingArgs extends LayerArgs {
  vocabSize: number;
  hiddenSize: number;
  /** Longest sequence; longer ones are refused. */
  maxPositionEmbeddings: number;
  initializerRange: number;
  seed: number;
  /** Confines the rows to a subspace (SSN): the weight is `[V, k]`, a row is `weight[id] Uᵀ`. Default none. */
  subspace?: SubspaceArgs | null;
}

const EXAMPLE =
  'new LlamaEmbedding({vocabSize: 2048, hiddenSize: 128, maxPositionEmbeddings: 512, ' +
  'initializerRange: 0.02, seed: 0})';
const KEYS = layerKeys<LlamaEmbeddingArgs>({
  vocabSize: true,
  hiddenSize: true,
  maxPositionEmbeddings: true,
  initializerRange: true,
  seed: true,
  subspace: true,
});

/** int32 ids `[batch, time]` → rows of `<name>/weight [V, d]`, or `[V, k]` times `Uᵀ`; `[batch, time, d]`. */
export class LlamaEmbedding extends tfl.layers.Layer {
  /** @nocollapse */
  static className = 'LlamaEmbedding';
  /** `[V, d]`, or `[V, k]` inside a subspace; present once built. A tied head multiplies by it too. */
  weight!: tfl.LayerVariable;
  readonly args: LlamaEmbeddingArgs;
  private subspace: SubspaceCache | null = null;

  constructor(args: LlamaEmbeddingArgs) {
    super(checkArgs(args));
    this.args = args;
  }

  override build(): void {
    const {vocabSize, hiddenSize, initializerRange, seed} = this.args;
    const {subspace} = this.args;
    const width = subspace?.rank ?? hiddenSize;
    const range = subspaceRange(initializerRange, hiddenSize, subspace);
    const initializer = new SeededInitializer(range, seed, `${this.name}/weight`);
    this.weight = this.addWeight('weight', [vocabSize, width], 'float32', initializer);
    this.subspace = subspace == null ? null : SubspaceCache.retain(hiddenSize, subspace);
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const ids = Array.isArray(inputs) ? inputs[0] : inputs;
      if (ids.rank !== 2) {
        throw new Error(
          `${this.name}: token ids have shape [${ids.shape.join(', ')}], expected [batch, time].`,
        );
      }
      checkLength(ids.shape[1] as number, this.args.maxPositionEmbeddings, this.name);
      const rows = embeddingLookup(this.weight.read() as tf.Tensor2D, ids, this.name);
      const wide = this.subspace == null ? rows : this.subspace.widen(rows);
      return blockOps().reshape(wide, [...ids.shape, this.args.hiddenSize]);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape), this.args.hiddenSize];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {vocabSize, hiddenSize, maxPositionEmbeddings, initializerRange, seed} = this.args;
    const {subspace} = this.args;
    return {
      ...super.getConfig(),
      vocabSize,
      hiddenSize,
      maxPositionEmbeddings,
      initializerRange,
      seed,
      ...(subspace == null ? {} : {subspace: {...subspace}}),
    };
  }

  protected override disposeWeights(): number {
    this.subspace?.release();
    this.subspace = null;
    return super.disposeWeights();
  }
}
tf.serialization.registerClass(LlamaEmbedding);

function checkArgs(args: LlamaEmbeddingArgs): LlamaEmbeddingArgs {
  const where = 'LlamaEmbedding';
  checkLayerArgs(where, args, EXAMPLE, KEYS);
  for (const name of ['vocabSize', 'hiddenSize', 'maxPositionEmbeddings'] as const) {
    checkInteger(where, name, args[name], 1);
  }
  checkNumber(where, 'initializerRange', args.initializerRange);
  checkSeed(where, args.seed);
  checkSubspace(where, args.subspace, args.hiddenSize);
  return args;
}

/** Refuses sequences longer than the model was made for. */
export function checkLength(length: number, limit: number, where: string): void {
  if (length > limit) {
    throw new Error(
      `${where}: the sequence has ${length} tokens, expected at most max_position_embeddings = ${limit}: ` +
        `shorten it, or make the model with a longer context.`,
    );
  }
}
