/** The weights of a Subspace Network as a plain LLaMA has them. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {TensorToWrite} from '../../io/index.js';
import {SubspaceCache} from '../../layers/subspace_cache.js';
import type {ResolvedLlamaConfig} from './llama_config.js';
import {hubParameters, isConfined, type LlamaParameter} from './llama_parameters.js';
import {transpose} from './transpose.js';

/** Names and shapes of the tensors that {@link wholeWeights} makes; none but for `mapl.kind` `'subspace'`. */
export function wholeParameters(config: ResolvedLlamaConfig): LlamaParameter[] {
  return hubParameters(config).filter(({weight}) => isConfined(config, weight));
}

/**
 * `M Uᵀ` for each confined weight `M` among `weights`, for the embedding `M Uᵀ + F`: with these a plain LLaMA computes what
 * the confined one does, for its boundaries lose nothing. They are for other programs; the model itself reads `M`.
 *
 * @param weights Of the model, or of a stage (the first has the offsets `F` too).
 */
export async function wholeWeights(
  config: ResolvedLlamaConfig,
  weights: readonly tfl.LayerVariable[],
): Promise<TensorToWrite[]> {
  const {mapl, hidden_size: width} = config;
  const byName = new Map(weights.map((weight) => [weight.originalName, weight]));
  const present = wholeParameters(config).filter(({weight}) => byName.has(weight));
  if (mapl == null || present.length === 0) {
    return [];
  }
  const subspace = SubspaceCache.retain(width, mapl);
  try {
    const tensors: TensorToWrite[] = [];
    for (const {weight, tensor, shape, transposed} of present) {
      const offset = shape.length === 2 && !transposed ? byName.get('mapl.anchors.0/table') : null;
      const whole = tf.tidy(() => {
        const inside = tf.reshape(byName.get(weight)!.read(), [-1, mapl.rank]) as tf.Tensor2D;
        const wide = subspace.widen(inside);
        return offset == null ? wide : tf.add(wide, offset.read());
      });
      const values = (await whole.data()) as Float32Array;
      whole.dispose();
      tensors.push(
        transposed
          ? {name: tensor, shape: [shape[1], shape[0]], data: transpose(values, shape[0], shape[1])}
          : {name: tensor, shape, data: values},
      );
    }
    return tensors;
  } finally {
    subspace.release();
  }
}
