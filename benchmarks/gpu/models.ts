/** Training steps of the models that are compared. */
import * as tf from '@tensorflow/tfjs-core';
import {llama, type LlamaConfig} from '../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {train} from '../../src/optimizers/index.js';
import {withBoundaries} from '../contestants/with_boundaries.js';
import {PlainLlama} from '../plain_llama.js';
import {CONFIG, LEARNING_RATE, SHAPE} from '../step_task.js';

/** A model and a batch. */
export interface Task {
  name: string;
  config: LlamaConfig;
  shape: [batch: number, time: number];
}

/** Runs a step and gives its loss, read back. */
export type Step = () => Promise<number>;

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

function batch(task: Task): [ids: tf.Tensor2D, targets: tf.Tensor2D] {
  return [0, 1].map((offset) => tf.tensor2d(tokens(task, offset), task.shape, 'int32')) as [
    tf.Tensor2D,
    tf.Tensor2D,
  ];
}

/** This package; with a rank, a boundary of that rank behind every block, trained by SPEL. */
export function ourStep(task: Task, rank?: number): Step {
  const plain = llama(task.config);
  const model = rank == null ? plain : withBoundaries(plain, rank, task.config);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const adamw = train.adamw({learningRate: LEARNING_RATE});
  const spel = train.spel({learningRate: LEARNING_RATE});
  const optimizer =
    rank == null
      ? adamw
      : train.groups([
          {match: /projector$/, optimizer: spel},
          {match: true, optimizer: adamw},
        ]);
  const [ids, targets] = batch(task);
  return async () => {
    const {value, grads} = tf.variableGrads(() => {
      const logits = model.apply(ids, {training: true}) as tf.Tensor;
      return sparseCrossEntropy(logits, targets) as tf.Scalar;
    }, variables);
    optimizer.applyGradients(grads);
    const [loss] = await value.data();
    tf.dispose([value, grads]);
    return loss;
  };
}

/** The same model in tfjs's own ops, with tfjs's Adam. */
export function plainStep(task: Task): Step {
  const weights = new Map(
    llama(task.config).trainableWeights.map((weight) => [
      weight.originalName.replace('/', '.'),
      weight.read() as tf.Variable,
    ]),
  );
  const model = new PlainLlama(task.config, weights);
  const optimizer = tf.train.adam(LEARNING_RATE);
  const [ids, targets] = batch(task);
  return async () => {
    const {value, grads} = tf.variableGrads(() => model.loss(ids, targets), [...weights.values()]);
    optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({name, tensor})));
    const [loss] = await value.data();
    tf.dispose([value, grads]);
    return loss;
  };
}
