import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {TokenBatches} from '../../data/token_batches.js';
import {energyProfile} from '../../diagnostics/energy_profile.js';
import {planSplit} from '../../pipeline/split.js';
import type {RunConfig} from '../config/schema.js';
import {stageBeginnings} from '../training/llama_of_config.js';
import type {LoadedText} from '../training/load_text.js';
import {runTrial, type Trial, type TrialArgs} from './trial.js';
import {withoutBoundaries} from './without_boundaries.js';

/** Steps of a model that has learned nothing yet: its activations take shape in the first. */
const NEW_STEPS = 20;
/** Steps of a model that was trained before. */
const OLD_STEPS = 7;
/** Tokens that activations are measured on, for each dimension. */
const TOKENS_A_DIMENSION = 16;

/** What a short run without compression shows. */
export interface ProbedRun extends Trial {
  /** Steps made. */
  steps: number;
  /** Energy along each principal direction of the activations, descending, sum 1: the mean over the cuts. */
  spectrum: Float64Array;
}

/** What a run without compression is to do; without steps it does as many as energy and time need. */
export interface ProbeArgs extends Omit<TrialArgs<never>, 'steps' | 'look'> {
  steps?: number;
  /** False leaves the steps of a model that was trained before out. */
  timed: boolean;
}

/**
 * Trains a run's model for a few steps without compression, times them, and measures the activations at its cuts.
 *
 * @param config The run, with more than one stage.
 */
export async function probeRun(
  config: RunConfig,
  text: LoadedText,
  {steps: given, timed, ...args}: ProbeArgs,
): Promise<ProbedRun> {
  const isNew = config.model.initialModel === null;
  const steps = given ?? (isNew ? NEW_STEPS : timed ? OLD_STEPS : 0);
  const look = (model: tfl.LayersModel) => spectrumOf(model, config, text);
  const {seen, ...rest} = await runTrial(withoutBoundaries(config), text, {...args, steps, look});
  return {...rest, seen: undefined, steps, spectrum: seen as Float64Array};
}

/** Energies of the activations at a model's cuts. */
async function spectrumOf(
  model: tfl.LayersModel,
  config: RunConfig,
  text: LoadedText,
): Promise<Float64Array> {
  const {hiddenSize} = config.model;
  const {batchSize, context, seed} = config.training;
  const {train: tokens} = text.data.tokens;
  const {vocabSize} = text.tokenizer;
  const rows = batchSize / config.pipeline.microbatches;
  const count = Math.max(2, Math.ceil((2 * TOKENS_A_DIMENSION * hiddenSize) / (rows * context)));
  const reader = new TokenBatches({tokens, batchSize: rows, context, vocabSize, seed: seed + 1});
  const ids = Array.from({length: count}, () => {
    const batch = reader.next();
    return tf.tensor2d(batch.ids, batch.shape, 'int32');
  });
  try {
    const {cuts} = planSplit(model, {stages: stageBeginnings(config)});
    const spectrum = new Float64Array(hiddenSize);
    for (const {tensor} of cuts) {
      const {plain: found} = await energyProfile(model, tensor, ids);
      const whole = found.spectrum.reduce((sum, value) => sum + value, 0) || 1;
      found.spectrum.forEach((value, i) => (spectrum[i] += value / whole / cuts.length));
    }
    return spectrum;
  } finally {
    tf.dispose(ids);
  }
}
