/** A model and data small enough to run hundreds of steps on every backend. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {llama, type LlamaConfig} from '../../../src/models/llama/index.js';
import {train, type MaplOptimizer} from '../../../src/optimizers/index.js';
import {InProcessPipeline, type InProcessArgs, type StepData} from '../../../src/pipeline/index.js';

export const VOCAB = 19;
export const BATCH = 8;
export const TIME = 6;

/** Four layers of width 8; with `mapl`, three boundaries of rank 4 (or whatever it says). */
export function tinyConfig(mapl: Partial<LlamaConfig['mapl']> | null = {}): LlamaConfig {
  return {
    vocab_size: VOCAB,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 4,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 16,
    initializer_range: 0.3,
    seed: 5,
    ...(mapl == null ? {} : {mapl: {stages: 4, rank: 4, ...mapl}}),
  };
}

export function tinyModel(mapl: Partial<LlamaConfig['mapl']> | null = {}): tfl.LayersModel {
  return llama(tinyConfig(mapl));
}

export function tinyOptimizer(): MaplOptimizer {
  return train.mapl({learningRate: 0.02, clipNorm: 1});
}

/** A pipeline of the tiny model in four stages with four microbatches, unless `args` says otherwise. */
export function tinyPipeline(args: Partial<InProcessArgs> = {}): Promise<InProcessPipeline> {
  return InProcessPipeline.create({
    stages: 4,
    optimizer: tinyOptimizer,
    microbatches: 4,
    vocabSize: VOCAB,
    ...args,
    model: args.model ?? tinyModel(),
  });
}

/** The batch of a step: sequences that count upwards, so that there is something to learn. */
export function tinyBatch(step: number, batch = BATCH): Required<StepData> {
  const at = (row: number, t: number) => (step * 7 + row * 5 + t * ((row % 3) + 1)) % VOCAB;
  const make = (shift: number) =>
    Int32Array.from({length: batch * TIME}, (_, i) => at(Math.floor(i / TIME), (i % TIME) + shift));
  return {ids: make(0), targets: make(1), shape: [batch, TIME]};
}

/** Values of weights by their names in the model. */
export async function weightValues(
  weights: tfl.LayerVariable[],
): Promise<{[name: string]: number[]}> {
  const entries = await Promise.all(
    weights.map(async (w) => [w.originalName, Array.from(await w.read().data())] as const),
  );
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
