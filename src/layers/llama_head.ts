/** The output projection of a LLaMA, with its own kernel or the embedding's table. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {checkInteger, checkNumber, checkSeed, refuseValue} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {blockOps} from './block_ops.js';
import {connectedLayers} from './find_layers.js';
import {
  layerKeys,
  type Kwargs,
  type LayerArgs,
  type LayerInputs,
  type LayerOutputs,
} from './layer_types.js';
import {LlamaEmbedding} from './llama_embedding.js';
import {SeededInitializer} from './seeded_initializer.js';

/** Arguments of {@link LlamaHead}. */
export interface LlamaHeadArgs extends LayerArgs {
  vocabSize: number;
  initializerRange: number;
  seed: number;
  /**
   * The embedding whose table is the kernel too, or its name: then the layer finds it in the graph when it is applied. Without it the head has its own kernel.
   */
  tiedTo?: LlamaEmbedding | {name: string} | null;
}

const EXAMPLE = 'new LlamaHead({vocabSize: 2048, initializerRange: 0.02, seed: 0})';
const KEYS = layerKeys<LlamaHeadArgs>({
  vocabSize: true,
  initializerRange: true,
  seed: true,
  tiedTo: true,
});

/**
 * `[batch, time, d]` → logits `[batch, time, V]`. Untied: weight `<name>/weight [d, V]`. Tied: no weight of its own; the
 * gradient of the embedding's table gets both parts. A tied head needs {@link LlamaHead.embedding} in its process.
 */
export class LlamaHead extends tfl.layers.Layer {
  /** @nocollapse */
  static className = 'LlamaHead';
  readonly vocabSize: number;
  /** Whether the kernel is the embedding's table: whoever splits a model asks this first. */
  readonly tied: boolean;
  /** The embedding a tied head shares its table with; null for an untied head or before a reloaded one is applied. */
  embedding: LlamaEmbedding | null = null;
  private weight: tfl.LayerVariable | null = null;
  private readonly args: LlamaHeadArgs;

  constructor(args: LlamaHeadArgs) {
    super(checkArgs(args));
    this.args = args;
    this.vocabSize = args.vocabSize;
    this.tied = args.tiedTo != null;
    if (args.tiedTo instanceof LlamaEmbedding) {
      this.embedding = args.tiedTo;
    }
  }

  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    if (this.tied && this.embedding == null) {
      const name = this.args.tiedTo?.name;
      const found = connectedLayers(inputs).find(
        (l) => l instanceof LlamaEmbedding && l.name === name,
      );
      if (found == null) {
        throw new Error(
          `${this.name} is tied to the embedding '${name}', which is not in the graph it is applied in: ` +
            `keep both in one model (or stage), or untie them (tie_word_embeddings: false).`,
        );
      }
      this.embedding = found as LlamaEmbedding;
    }
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    if (!this.tied) {
      const {vocabSize, initializerRange, seed} = this.args;
      const width = (inputShape as tfl.Shape).at(-1) as number;
      const initializer = new SeededInitializer(initializerRange, seed, `${this.name}/weight`);
      this.weight = this.addWeight('weight', [width, vocabSize], 'float32', initializer);
    }
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      const leading = x.shape.slice(0, -1);
      const ops = blockOps();
      const flat = ops.reshape<tf.Rank.R2>(x, [-1, x.shape.at(-1) as number]);
      const kernel = (this.embedding?.weight ?? (this.weight as tfl.LayerVariable)).read();
      const logits = ops.linear(flat, kernel as tf.Tensor2D, undefined, this.tied);
      return ops.reshape(logits, [...leading, this.vocabSize]);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape).slice(0, -1), this.vocabSize];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {vocabSize, initializerRange, seed, tiedTo} = this.args;
    const config = {...super.getConfig(), vocabSize, initializerRange, seed};
    return tiedTo == null ? config : {...config, tiedTo: {name: tiedTo.name}};
  }
}
tf.serialization.registerClass(LlamaHead);

function checkArgs(args: LlamaHeadArgs): LlamaHeadArgs {
  const where = 'LlamaHead';
  checkLayerArgs(where, args, EXAMPLE, KEYS);
  checkInteger(where, 'vocabSize', args.vocabSize, 1);
  checkNumber(where, 'initializerRange', args.initializerRange);
  checkSeed(where, args.seed);
  if (args.tiedTo != null && typeof args.tiedTo.name !== 'string') {
    refuseValue(where, 'tiedTo', args.tiedTo, 'a LlamaEmbedding or {name} of one');
  }
  return args;
}
