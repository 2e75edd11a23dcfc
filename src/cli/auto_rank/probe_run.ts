import * as tf from '@tensorflow/tfjs-core';
import {TokenBatches} from '../../data/token_batches.js';
import {energyProfile} from '../../diagnostics/energy_profile.js';
import {train} from '../../optimizers/train.js';
import {InProcessPipeline} from '../../pipeline/in_process.js';
import {planSplit, splitModel} from '../../pipeline/split.js';
import type {RunConfig} from '../config/schema.js';
import {trainerSettings} from '../launcher/stage_worker.js';
import {buildModel} from '../training/build_model.js';
import {stageBeginnings} from '../training/llama_of_config.js';
import type {LoadedText} from '../training/load_text.js';
import {recipeOf} from '../training/recipe.js';

/** Steps that warm up memory and kernels, and are not timed. */
const UNTIMED = 2;
/** Steps of a model that has learned nothing yet: its activations take shape in the first. */
const NEW_STEPS = 20;
/** Steps of a model that was trained before. */
const OLD_STEPS = 7;
/** Tokens that activations are measured on, for each dimension. */
const TOKENS_A_DIMENSION = 16;

/** What a short run without compression shows. */
export interface ProbedRun {
  /** Median seconds of a step, all stages one after the other in one process; null where no step was made. */
  stepSeconds: number | null;
  /** Steps made. */
  steps: number;
  /** Energy along each principal direction of the activations, descending, sum 1: the mean over the cuts. */
  spectrum: Float64Array;
}

/**
 * Trains a run's model for a few steps without compression, times them, and measures the activations at its cuts. Nothing is
 * kept of it.
 *
 * @param config The run, with more than one stage.
 * @param timed False leaves the steps of a model that was trained before out.
 */
export async function probeRun(
  config: RunConfig,
  text: LoadedText,
  timed: boolean,
): Promise<ProbedRun> {
  const plain: RunConfig = {
    ...config,
    compression: {...config.compression, method: 'none', forward: null, backward: null},
  };
  for (const key of ['anchors', 'projector', 'anchorRank', 'anchorStart'] as const) {
    plain.compression[key] = null;
  }
  const {vocabSize} = text.tokenizer;
  const {batchSize, context, seed} = config.training;
  const {train: tokens} = text.data.tokens;
  const batches = new TokenBatches({tokens, batchSize, context, vocabSize, seed});
  const model = await buildModel(plain, vocabSize);
  const beginnings = {stages: stageBeginnings(plain)};
  const stages = splitModel(model, beginnings);
  const optimizers = stages.map(() => train.mapl(recipeOf(plain)));
  const settings = trainerSettings({config: plain, vocabSize});
  const optimizer = ({index}: {index: number}) => optimizers[index];
  const pipeline = await InProcessPipeline.create({...settings, model: stages, optimizer});
  const isNew = config.model.initialModel === null;
  const steps = isNew ? NEW_STEPS : timed ? OLD_STEPS : 0;
  const seconds: number[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const started = performance.now();
      await pipeline.step(batches.next());
      if (step >= UNTIMED) seconds.push((performance.now() - started) / 1000);
    }
    const rows = batchSize / config.pipeline.microbatches;
    const wanted = TOKENS_A_DIMENSION * config.model.hiddenSize;
    const count = Math.max(2, Math.ceil((2 * wanted) / (rows * context)));
    const reader = new TokenBatches({tokens, batchSize: rows, context, vocabSize, seed: seed + 1});
    const ids = Array.from({length: count}, () => {
      const batch = reader.next();
      return tf.tensor2d(batch.ids, batch.shape, 'int32');
    });
    const cuts = planSplit(model, beginnings).cuts;
    const spectrum = new Float64Array(config.model.hiddenSize);
    for (const {tensor} of cuts) {
      const {plain: found} = await energyProfile(model, tensor, ids);
      const whole = found.spectrum.reduce((sum, value) => sum + value, 0) || 1;
      found.spectrum.forEach((value, i) => (spectrum[i] += value / whole / cuts.length));
    }
    tf.dispose(ids);
    seconds.sort((a, b) => a - b);
    return {stepSeconds: timed ? (seconds[seconds.length >> 1] ?? null) : null, steps, spectrum};
  } finally {
    await pipeline.close();
    optimizers.forEach((one) => one.dispose());
    stages.forEach((stage) => stage.dispose());
    model.dispose();
  }
}
