/** The ops. Importing them registers their composed kernels and gradients. */
export {
  activationStorage,
  setActivationStorage,
  type ActivationStorage,
} from './activation_storage.js';
export {boundaryDecode} from './boundary_decode.js';
export {boundaryEncode} from './boundary_encode.js';
export {causalAttention} from './causal_attention.js';
export {polarFactor, type PolarFactorOptions} from './polar_factor.js';
export {rmsNorm} from './rms_norm.js';
export {rotaryEmbedding} from './rotary_embedding.js';
export {rotaryTables, type RopeScaling, type RotaryTableOptions} from './rotary_tables.js';
export {rvqDecode} from './rvq_decode.js';
export {rvqEncode} from './rvq_encode.js';
export {sparseCrossEntropy, type Reduction} from './sparse_cross_entropy.js';
export {swiglu} from './swiglu.js';
