/** Layers for any functional tfjs model. */
export {AnchorEmbedding, anchorEmbedding, type AnchorEmbeddingArgs} from './anchor_embedding.js';
export {BoundaryDecoder} from './boundary_decoder.js';
export {BoundaryEncoder} from './boundary_encoder.js';
export {BoundaryHalf} from './boundary_half.js';
export {CompressedBoundary, type BoundaryPart} from './compressed_boundary.js';
export {
  ProjectionBoundary,
  projectionBoundary,
  type ProjectionBoundaryArgs,
} from './projection_boundary.js';
export {LlamaDecoderLayer, type LlamaDecoderSettings} from './llama_decoder_layer.js';
export {LlamaEmbedding} from './llama_embedding.js';
export {LlamaHead} from './llama_head.js';
export {LlamaNorm} from './llama_norm.js';
export {ResidualBottleneck, type ResidualBottleneckArgs} from './residual_bottleneck.js';
export {
  ResidualVectorQuantizer,
  residualVectorQuantizer,
  type ResidualVectorQuantizerArgs,
} from './residual_vector_quantizer.js';
export type {
  CodebookSize,
  QuantizerGradient,
  QuantizerOptions,
  QuantizerSettings,
} from './quantizer/quantizer_settings.js';
