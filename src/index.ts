/**
 * tfjs-mapl: training LLaMA models split into pipeline stages, with learned projections between them. A plugin of
 * TensorFlow.js; importing it registers its layers, kernels and gradients.
 *
 * @packageDocumentation
 */
export * from './backends/index.js';
export * from './codecs/index.js';
export * as diagnostics from './diagnostics/index.js';
export {initialiseBoundaries} from './diagnostics/index.js';
export * from './io/index.js';
export * from './layers/index.js';
export * from './manifolds/index.js';
export * from './models/llama/index.js';
export * from './ops/index.js';
export * from './optimizers/index.js';
export * as pipeline from './pipeline/index.js';
export {splitModel} from './pipeline/index.js';
