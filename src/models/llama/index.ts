/** LLaMA models. */
export {balancedBoundaries} from './balanced_boundaries.js';
export {countParameters, type ParameterCount} from './count_parameters.js';
export {generate, type GenerateOptions} from './generate.js';
export {llama} from './llama.js';
export {
  type LlamaConfig,
  type LlamaMaplConfig,
  type ResolvedLlamaConfig,
  resolveLlamaConfig,
} from './llama_config.js';
export {llamaConfigOf} from './llama_config_of.js';
export {loadLlama} from './load_llama.js';
export {sampler, type SamplerOptions} from './sampler.js';
export {saveLlama, type SaveLlamaOptions} from './save_llama.js';
