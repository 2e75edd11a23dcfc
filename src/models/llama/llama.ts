/** Builds a LLaMA as an ordinary functional tfjs model. */
import * as tfl from '@tensorflow/tfjs-layers';
import {LlamaDecoderLayer} from '../../layers/llama_decoder_layer.js';
import {LlamaEmbedding} from '../../layers/llama_embedding.js';
import {LlamaHead} from '../../layers/llama_head.js';
import {LlamaNorm} from '../../layers/llama_norm.js';
import {ResidualBottleneck} from '../../layers/residual_bottleneck.js';
import type {SubspaceArgs} from '../../layers/subspace_cache.js';
import {makeBoundaries, startAtEmbedding} from './llama_boundaries.js';
import {type LlamaConfig, type ResolvedLlamaConfig, resolveLlamaConfig} from './llama_config.js';

/**
 * A LLaMA: int32 ids `[batch, time]` → float32 logits `[batch, time, vocab]`, any batch and any time up to
 * `max_position_embeddings`. Grouped-query attention, rotate-half rotary embeddings, SwiGLU, RMSNorm.
 *
 * Layers: `model.embed_tokens`, `model.layers.<i>`, `model.norm`, `lm_head`; with `mapl`, a boundary
 * `mapl.boundaries.<p>` at the end of each stage but the last, over anchors `mapl.anchors.<stage>`. A weight's
 * `originalName` with its slash as a dot is its Hugging Face name; kernels are `[in, out]`, transposed there.
 *
 * ```js
 * const model = llama({vocab_size: 2048, hidden_size: 128, intermediate_size: 352, num_hidden_layers: 4,
 *   num_attention_heads: 4, max_position_embeddings: 128, seed: 1, mapl: {stages: 4, rank: 32}});
 * const logits = model.predict(tf.tensor2d([[1, 2, 3]], [1, 3], 'int32'));
 * ```
 *
 * @param config See {@link LlamaConfig}.
 * @throws On a setting that is missing, impossible or not supported.
 */
export function llama(config: LlamaConfig): tfl.LayersModel {
  return buildLlama(resolveLlamaConfig(config), true);
}

/**
 * Builds the model.
 *
 * @param initialise False leaves all weights zero, for loaded values to follow.
 */
export function buildLlama(config: ResolvedLlamaConfig, initialise: boolean): tfl.LayersModel {
  const {vocab_size: vocabSize, initializer_range: initializerRange, seed} = config;
  const apply = (layer: tfl.layers.Layer, inputs: tfl.SymbolicTensor | tfl.SymbolicTensor[]) => {
    layer.setFastWeightInitDuringBuild(!initialise);
    return layer.apply(inputs) as tfl.SymbolicTensor;
  };
  const ids = tfl.input({shape: [null], dtype: 'int32', name: 'input_ids'});
  const embedding = new LlamaEmbedding({
    name: 'model.embed_tokens',
    vocabSize,
    hiddenSize: config.hidden_size,
    maxPositionEmbeddings: config.max_position_embeddings,
    initializerRange: config.embedding_initializer_range,
    seed,
    subspace: subspaceBefore(config, 0),
  });
  let x = apply(embedding, ids);
  const {boundaries, offset, tables} = makeBoundaries(config);
  if (offset != null) {
    const add = tfl.layers.add({name: 'model.embed_offset'});
    x = add.apply([x, apply(offset, ids)]) as tfl.SymbolicTensor;
  }
  for (let i = 0; i < config.num_hidden_layers; i++) {
    x = apply(decoderLayer(config, i), x);
    const boundary = boundaries.get(i);
    if (boundary != null) {
      x = apply(boundary, boundary instanceof ResidualBottleneck ? x : [x, ids]);
    }
  }
  x = apply(new LlamaNorm({name: 'model.norm', epsilon: config.rms_norm_eps}), x);
  if (initialise && config.mapl?.anchorStart === 'embedding') {
    startAtEmbedding(embedding, tables);
  }
  const tiedTo = config.tie_word_embeddings ? embedding : null;
  const head = new LlamaHead({name: 'lm_head', vocabSize, initializerRange, seed, tiedTo});
  return tfl.model({inputs: ids, outputs: apply(head, x), name: 'llama'});
}

function decoderLayer(config: ResolvedLlamaConfig, index: number): LlamaDecoderLayer {
  return new LlamaDecoderLayer({
    name: `model.layers.${index}`,
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    numAttentionHeads: config.num_attention_heads,
    numKeyValueHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    rmsNormEps: config.rms_norm_eps,
    ropeTheta: config.rope_theta,
    ropeScaling: config.rope_scaling,
    maxPositionEmbeddings: config.max_position_embeddings,
    attentionBias: config.attention_bias,
    mlpBias: config.mlp_bias,
    initializerRange: config.initializer_range,
    seed: config.seed,
    subspace: subspaceBefore(config, index),
  });
}

/**
 * The subspace that a layer writes to, with `mapl.kind` `'subspace'`: all but those behind the last boundary, which are free
 * (as the last block is in ProtocolNanoGPT).
 *
 * @param block Index of a block; 0 for the embedding too.
 */
function subspaceBefore({mapl}: ResolvedLlamaConfig, block: number): SubspaceArgs | null {
  const last = mapl?.boundaries.at(-1) ?? -1;
  return mapl?.kind === 'subspace' && block <= last ? {rank: mapl.rank, seed: mapl.seed} : null;
}
