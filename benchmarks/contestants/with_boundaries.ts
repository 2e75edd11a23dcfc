/** A model of the benchmark with boundaries. */
import * as tfl from '@tensorflow/tfjs-layers';
import {projectionBoundary} from '../../src/layers/index.js';
import type {LlamaConfig} from '../../src/models/llama/index.js';
import {CONFIG} from '../step_task.js';

/**
 * The same blocks with a boundary of `rank` behind each of them, the last one too: as many boundaries as blocks, which
 * `llama` does not build, because behind the last block there is nothing to save.
 */
export function withBoundaries(
  model: tfl.LayersModel,
  rank: number,
  config: Pick<LlamaConfig, 'num_hidden_layers' | 'vocab_size'> = CONFIG,
): tfl.LayersModel {
  const ids = model.inputs[0];
  const apply = (name: string, x: tfl.SymbolicTensor) =>
    model.getLayer(name).apply(x) as tfl.SymbolicTensor;
  let x = apply('model.embed_tokens', ids);
  let previous: ReturnType<typeof projectionBoundary> | undefined;
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const boundary = projectionBoundary({
      name: `mapl.boundaries.${i}`,
      rank,
      vocabSize: config.vocab_size,
      seed: 1,
      senderAnchors: previous?.receiverAnchors ?? undefined,
    });
    x = boundary.apply([apply(`model.layers.${i}`, x), ids]) as tfl.SymbolicTensor;
    previous = boundary;
  }
  return tfl.model({inputs: ids, outputs: apply('lm_head', apply('model.norm', x))});
}
