/** The training step that all contestants of the group `step` run. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import type {LlamaConfig} from '../src/models/llama/index.js';

/** The model, untied, 4.2 million parameters. */
export const CONFIG: LlamaConfig = {
  vocab_size: 2048,
  hidden_size: 256,
  intermediate_size: 688,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  seed: 1,
};

/** Sequences and tokens of one. */
export const SHAPE: [batch: number, time: number] = [8, 128];

/** Of AdamW; the rest are torch's defaults. */
export const LEARNING_RATE = 1e-3;

/** The file with the tokens of the step, beside the model's initial weights. */
export const BATCH_FILE = 'batch.json';

/** Token ids and the ids to be predicted, row-major. */
export interface Batch {
  shape: [batch: number, time: number];
  ids: number[] | Int32Array;
  targets: number[] | Int32Array;
  learningRate: number;
}

/** Runs a step and gives its loss, read back. */
export type Step = () => Promise<number>;

/** The same batch for all: ids from a linear congruential generator. */
export function makeBatch(): Batch {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * CONFIG.vocab_size);
  };
  const size = SHAPE[0] * SHAPE[1];
  const tokens = Array.from({length: size + 1}, next);
  const learningRate = LEARNING_RATE;
  return {shape: SHAPE, ids: tokens.slice(0, size), targets: tokens.slice(1), learningRate};
}

export function readBatch(folder: string): Batch {
  return JSON.parse(readFileSync(path.join(folder, BATCH_FILE), 'utf8')) as Batch;
}
