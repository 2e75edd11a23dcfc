/** How many numbers a LLaMA has, before it is built. */
import {type LlamaConfig, resolveLlamaConfig} from './llama_config.js';
import {llamaParameters, maplParameters} from './llama_parameters.js';

/** Numbers in the weights of a model. */
export interface ParameterCount {
  total: number;
  /** Per layer, in the order of the model, boundaries and anchors last. */
  layers: {name: string; count: number}[];
}

/** Counts the numbers in all weights, fixed ones included; a tied head counts nothing. */
export function countParameters(config: LlamaConfig): ParameterCount {
  const resolved = resolveLlamaConfig(config);
  const counts = new Map<string, number>();
  for (const {layer, shape} of [...llamaParameters(resolved), ...maplParameters(resolved)]) {
    const size = shape.reduce((product, n) => product * n, 1);
    counts.set(layer, (counts.get(layer) ?? 0) + size);
  }
  const layers = [...counts].map(([name, count]) => ({name, count}));
  return {total: layers.reduce((sum, {count}) => sum + count, 0), layers};
}
