/** Training steps of the models that are compared. */
import {llama, type LlamaConfig} from '../../src/models/llama/index.js';
import {ourStep} from '../contestants/our_step.js';
import {plainStep} from '../contestants/plain_step.js';
import {withBoundaries} from '../contestants/with_boundaries.js';
import {CONFIG, LEARNING_RATE, SHAPE, type Batch, type Step} from '../step_task.js';

/** A model and a batch. */
export interface Task {
  name: string;
  config: LlamaConfig;
  shape: [batch: number, time: number];
}

/** The model that `npm run bench` measures on the other backends. */
const REFERENCE: Task = {name: '8×128 tokens, d 256, 4 layers', config: CONFIG, shape: SHAPE};

/** As many parameters as nanogpt 1.3.0's default model, whose embedding is its head too. */
const NANOGPT: Task = {
  name: "32×128 tokens, nanogpt's model: d 256, 6 layers",
  config: {
    ...CONFIG,
    vocab_size: 2000,
    num_hidden_layers: 6,
    tie_word_embeddings: true,
  },
  shape: [32, 128],
};

/** Sizes are multiples of 32, without which nanogpt has no mixed precision. */
const TINY: Task = {
  name: '2×32 tokens',
  config: {
    ...CONFIG,
    vocab_size: 64,
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
  },
  shape: [2, 32],
};

export function referenceTask(quick: boolean): Task {
  return quick ? TINY : REFERENCE;
}

export function nanogptTask(quick: boolean): Task {
  return quick ? {...TINY, name: `${TINY.name}, nanogpt's model`} : NANOGPT;
}

/** Token ids from a linear congruential generator. */
export function tokens({config, shape}: Task, offset: number): Int32Array {
  let state = 1 + offset;
  return Int32Array.from({length: shape[0] * shape[1]}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * config.vocab_size);
  });
}

function batch(task: Task): Batch {
  const [ids, targets] = [0, 1].map((offset) => tokens(task, offset));
  return {shape: task.shape, ids, targets, learningRate: LEARNING_RATE};
}

/** This package; with a rank, a boundary of that rank behind every block, trained by SPEL. */
export function ourStepOf(task: Task, rank?: number): Step {
  const plain = llama(task.config);
  const model = rank == null ? plain : withBoundaries(plain, rank, task.config);
  return ourStep(model, batch(task), rank != null);
}

/** The same model in tfjs's own ops, with tfjs's Adam. */
export function plainStepOf(task: Task): Step {
  return plainStep(task.config, batch(task));
}
