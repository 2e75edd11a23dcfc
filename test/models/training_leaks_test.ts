/** Pipelines of two stages trained on every backend: memory must not grow. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {projectionBoundary} from '../../src/layers/index.js';
import {llama} from '../../src/models/llama/index.js';
import {train, type NamedOptimizer} from '../../src/optimizers/index.js';
import {InProcessPipeline} from '../../src/pipeline/in_process.js';

const V = 5;

/** Trains for so many steps, and counts how many different amounts of memory there were between them. */
async function trainFor(
  model: tfl.LayersModel,
  steps: number,
  optimizer: () => NamedOptimizer,
): Promise<number[]> {
  const pipeline = await InProcessPipeline.create({
    model,
    stages: 2,
    optimizer,
    microbatches: 1,
    vocabSize: V,
  });
  const at = (step: number, shift: number) =>
    Int32Array.from({length: 6}, (_, i) => (step + i + shift) % V);
  const seen = {numTensors: new Set<number>(), numDataBuffers: new Set<number>()};
  const bytes = new Set<number>();
  for (let step = 0; step < steps; step++) {
    await pipeline.step({ids: at(step, 0), targets: at(step, 1), shape: [2, 3]});
    // The first steps make the optimizers' state.
    if (step >= 2) {
      const memory = tf.memory();
      seen.numTensors.add(memory.numTensors);
      seen.numDataBuffers.add(memory.numDataBuffers);
      bytes.add(memory.numBytes);
    }
  }
  await pipeline.close();
  pipeline.trainers.forEach(({optimizer}) => (optimizer as tf.Optimizer).dispose());
  return [seen.numTensors.size, seen.numDataBuffers.size, bytes.size];
}

describe('training', () => {
  it('leaks nothing over 200 steps', async () => {
    const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
    const embed = tfl.layers.embedding({name: 'leak_embed', inputDim: V, outputDim: 4});
    const boundary = projectionBoundary({name: 'leak_boundary', rank: 2, vocabSize: V});
    const head = tfl.layers.dense({name: 'leak_head', units: V});
    const x = embed.apply(ids) as tfl.SymbolicTensor;
    const logits = head.apply(boundary.apply([x, ids])) as tfl.SymbolicTensor;
    expect(
      await trainFor(tfl.model({inputs: ids, outputs: logits}), 200, () => train.adamw()),
    ).toEqual([1, 1, 1]);
  });

  it('leaks nothing with the layers of a LLaMA', async () => {
    const model = llama({
      vocab_size: V,
      hidden_size: 4,
      intermediate_size: 4,
      num_hidden_layers: 2,
      num_attention_heads: 1,
      max_position_embeddings: 4,
      mapl: {stages: 2, rank: 2},
    });
    // Software WebGPU takes seconds a step under load; a leak shows in every step.
    const steps = tf.getBackend() === 'webgpu' ? 8 : 200;
    expect(await trainFor(model, steps, () => train.mapl({clipNorm: 1}))).toEqual([1, 1, 1]);
  });
});
