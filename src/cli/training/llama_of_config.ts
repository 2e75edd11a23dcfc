import {methodPlan} from '../../codecs/methods/index.js';
import {balancedBoundaries} from '../../models/llama/balanced_boundaries.js';
import type {LlamaConfig} from '../../models/llama/llama_config.js';
import {stageCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';

/** Name of the decoder layer with an index. */
const LAYER = /^model\.layers\.(\d+)$/;

/**
 * Names of the layers that begin stages 2, 3, …: those of the configuration, or stages of equal numbers of
 * layers. The same for every compression method, so that compared runs are cut alike.
 */
export function stageBeginnings(config: RunConfig): string[] {
  const {stages} = config.pipeline;
  const {layers} = config.model;
  if (typeof stages === 'number') {
    return balancedBoundaries(layers, stages).map((after) => `model.layers.${after + 1}`);
  }
  return stages;
}

/**
 * The model a configuration describes, in Hugging Face's terms, with boundaries where it compresses.
 *
 * @param config A checked configuration.
 * @param vocabSize Size of the tokenizer's vocabulary.
 */
export function llamaOfConfig(config: RunConfig, vocabSize: number): LlamaConfig {
  const {model, compression, training} = config;
  const boundaries = stageBeginnings(config).map((name) => Number(LAYER.exec(name)?.[1]) - 1);
  const stages = stageCount(config);
  const plan = methodPlan(compression, {stages, hiddenSize: model.hiddenSize});
  return {
    vocab_size: vocabSize,
    hidden_size: model.hiddenSize,
    intermediate_size: model.intermediateSize,
    num_hidden_layers: model.layers,
    num_attention_heads: model.heads,
    num_key_value_heads: model.keyValueHeads ?? model.heads,
    max_position_embeddings: model.maxContext,
    rope_theta: model.ropeTheta,
    rms_norm_eps: model.normEpsilon,
    tie_word_embeddings: model.tieEmbeddings,
    embedding_initializer_range: model.embeddingRange ?? (model.tieEmbeddings ? 0.02 : 0.5),
    seed: training.seed,
    ...(plan.model == null || stages === 1 ? {} : {mapl: {stages, ...plan.model, boundaries}}),
  };
}
