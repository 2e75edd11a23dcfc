/** Reads the configuration back from the layers of a model. */
import type * as tfl from '@tensorflow/tfjs-layers';
import type {AnchorEmbedding} from '../../layers/anchor_embedding.js';
import {CompressedBoundary} from '../../layers/compressed_boundary.js';
import {LlamaDecoderLayer} from '../../layers/llama_decoder_layer.js';
import {LlamaEmbedding} from '../../layers/llama_embedding.js';
import {LlamaHead} from '../../layers/llama_head.js';
import {ProjectionBoundary} from '../../layers/projection_boundary.js';
import type {ResidualBottleneck} from '../../layers/residual_bottleneck.js';
import type {SubspaceArgs} from '../../layers/subspace_cache.js';
import type {ResolvedLlamaConfig, ResolvedMapl} from './llama_config.js';

/**
 * The configuration of a whole LLaMA, also of one that `tf.loadLayersModel` brought back.
 *
 * @throws If the model is not a whole LLaMA (a stage of one, say).
 */
export function llamaConfigOf(model: tfl.LayersModel): ResolvedLlamaConfig {
  if (!Array.isArray(model?.layers)) {
    throw new Error(
      `The model is ${model == null ? 'missing' : String(model)}, expected one made by llama() or loadLlama().`,
    );
  }
  const {layers} = model;
  const embedding = layers.find((layer) => layer instanceof LlamaEmbedding);
  const head = layers.find((layer) => layer instanceof LlamaHead);
  const blocks = layers.filter((layer) => layer instanceof LlamaDecoderLayer);
  if (embedding == null || head == null || blocks.length === 0) {
    const missing =
      embedding == null ? 'LlamaEmbedding' : head == null ? 'LlamaHead' : 'LlamaDecoderLayer';
    throw new Error(
      `model '${model.name}' is no whole LLaMA: it has no ${missing} layer: pass a model made by llama() or loadLlama().`,
    );
  }
  const s = blocks[0].settings;
  return {
    vocab_size: embedding.args.vocabSize,
    hidden_size: s.hiddenSize,
    intermediate_size: s.intermediateSize,
    num_hidden_layers: blocks.length,
    num_attention_heads: s.numAttentionHeads,
    num_key_value_heads: s.numKeyValueHeads,
    head_dim: s.headDim,
    max_position_embeddings: s.maxPositionEmbeddings,
    rms_norm_eps: s.rmsNormEps,
    rope_theta: s.ropeTheta,
    rope_scaling: s.ropeScaling,
    tie_word_embeddings: head.tied,
    attention_bias: s.attentionBias,
    mlp_bias: s.mlpBias,
    initializer_range: s.initializerRange,
    embedding_initializer_range: embedding.args.initializerRange,
    hidden_act: 'silu',
    seed: s.seed,
    mapl: maplOf(layers, s.seed, embedding.args.subspace ?? null),
  };
}

/** A boundary's place is the number of blocks before it: the model's layers are in the order of its graph. */
function maplOf(
  layers: tfl.layers.Layer[],
  seed: number,
  subspace: SubspaceArgs | null,
): ResolvedMapl | null {
  const boundaries: number[] = [];
  let first: CompressedBoundary | null = null;
  let blocks = 0;
  for (const layer of layers) {
    if (layer instanceof LlamaDecoderLayer) {
      blocks++;
    } else if (layer instanceof CompressedBoundary) {
      first ??= layer;
      boundaries.push(blocks - 1);
    }
  }
  const stages = boundaries.length + 1;
  if (first == null) {
    return null;
  }
  const {rank} = first;
  if (!(first instanceof ProjectionBoundary)) {
    const {seed} = first as ResidualBottleneck;
    return {...DEFAULTS, stages, rank, anchorRank: rank, kind: 'resbm', seed, boundaries};
  }
  const {senderAnchors: anchors, trainableProjector, constrained, quantizer} = first;
  const projector = !trainableProjector ? 'fixed' : constrained ? 'learned' : 'unconstrained';
  return {
    ...DEFAULTS,
    stages,
    rank,
    kind: subspace == null ? 'projection' : 'subspace',
    anchorRank: anchors?.factorised ? anchors.anchorRank : rank,
    anchors: anchorsOf(anchors),
    projector,
    offsetRange: anchorsOf(anchors) === 'static' ? anchors!.initializerRange : 1,
    ...(quantizer == null ? {} : {quantizer: sizeOf(quantizer.settings)}),
    seed: subspace?.seed ?? seed,
    boundaries,
  };
}

/** What holds for boundaries that have no choice; where anchors started is not known any more, and does not matter. */
const DEFAULTS = {
  anchors: 'none',
  projector: 'learned',
  anchorStart: 'zeros',
  offsetRange: 1,
} as const;

function sizeOf({groups, rounds, codes}: NonNullable<ResolvedMapl['quantizer']>) {
  return {groups, rounds, codes};
}

function anchorsOf(anchors: AnchorEmbedding | null): ResolvedMapl['anchors'] {
  if (anchors == null) {
    return 'none';
  }
  return anchors.factorised ? 'factorised' : anchors.trainable ? 'full' : 'static';
}
