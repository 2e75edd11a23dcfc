/** A pipeline of two stages trained for 200 steps, on every backend: memory must not grow. */
import * as tf from '@tensorflow/tfjs-core';
import {llama} from '../../src/models/llama/index.js';
import {train} from '../../src/optimizers/index.js';
import {InProcessPipeline} from '../../src/pipeline/in_process.js';

const V = 5;
const STEPS = 200;

describe('training', () => {
  it(`leaks nothing over ${STEPS} steps`, async () => {
    const model = llama({
      vocab_size: V,
      hidden_size: 4,
      intermediate_size: 4,
      num_hidden_layers: 2,
      num_attention_heads: 1,
      max_position_embeddings: 4,
      mapl: {stages: 2, rank: 2},
    });
    const pipeline = await InProcessPipeline.create({
      model,
      stages: 2,
      optimizer: () => train.mapl({clipNorm: 1}),
      microbatches: 2,
      vocabSize: V,
    });
    const at = (step: number, shift: number) =>
      Int32Array.from({length: 6}, (_, i) => (step + i + shift) % V);
    const tensors = new Set<number>();
    const buffers = new Set<number>();
    const bytes = new Set<number>();
    for (let step = 0; step < STEPS; step++) {
      await pipeline.step({ids: at(step, 0), targets: at(step, 1), shape: [2, 3]});
      // The first steps make the optimizers' state.
      if (step >= 2) {
        const memory = tf.memory();
        tensors.add(memory.numTensors);
        buffers.add(memory.numDataBuffers);
        bytes.add(memory.numBytes);
      }
    }
    expect(tensors.size).toBe(1);
    expect(buffers.size).toBe(1);
    expect(bytes.size).toBe(1);
    await pipeline.close();
    pipeline.trainers.forEach(({optimizer}) => (optimizer as tf.Optimizer).dispose());
  });
});
