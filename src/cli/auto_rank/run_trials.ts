import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {evaluationBatches, type TokenBatch} from '../../data/token_batches.js';
import type {RunConfig} from '../config/schema.js';
import {fitStart} from '../training/fit_start.js';
import type {LoadedText} from '../training/load_text.js';
import type {Weighed} from './choose.js';
import {runTrial, type Trial} from './trial.js';
import {TrialProgress} from './trial_progress.js';

/** A user's wish to stop: thrown between two steps. */
export class Stopped extends Error {
  constructor() {
    super('--auto-rank was stopped: nothing was chosen, nothing was trained.');
    this.name = 'Stopped';
  }
}

/** What all trials share. */
export interface TrialsArgs {
  /** Steps of each. */
  steps: number;
  /** Text that no step sees and no result is reported on. */
  validation: readonly TokenBatch[];
  log: (line: string) => void;
  /** Called before each step; throws `Stopped` to end them all. */
  beforeStep: () => void;
}

/**
 * The batches that trials are measured on: of the run's validation text, as many as one of its validations takes.
 *
 * @throws Error where there is none.
 */
export function validationBatches(config: RunConfig, text: LoadedText): TokenBatch[] {
  const {training, pipeline, output, data} = config;
  const tokens = text.data.tokens.validation;
  if (tokens.length <= training.context) {
    throw new Error(
      `--auto-rank compares losses on validation text, and there are ${tokens.length} tokens of it ` +
        `(data.validationShare is ${data.validationShare}), fewer than a sequence (training.context ${training.context}): ` +
        'give more text or a larger share, or --auto-rank-steps 0 to choose by energy.',
    );
  }
  const rows = training.batchSize / pipeline.microbatches;
  const limit = output.validationBatches * pipeline.microbatches;
  return evaluationBatches(tokens, rows, training.context, limit);
}

/**
 * Trains each of some settings for a few steps, from the same seed on the same batches, and measures the loss on the same text.
 * Where the run starts from a trained model, boundaries are fitted to it first, as they will be in the run.
 *
 * @return By setting; the loss of one whose training failed is NaN, and the log says why.
 * @throws Stopped when a stop was requested.
 */
export async function runTrials(
  config: RunConfig,
  list: readonly Weighed[],
  text: LoadedText,
  {steps, validation, log, beforeStep}: TrialsArgs,
): Promise<Trial[]> {
  const progress = new TrialProgress(list.length * steps, log);
  const trials: Trial[] = [];
  try {
    for (const {candidate} of list) {
      const {label, compression} = candidate;
      const own = {...config, compression: {...config.compression, ...compression}};
      let made = 0;
      const counted = () => {
        beforeStep();
        progress.step();
        made++;
      };
      progress.begin(label);
      const args = {steps, validation, beforeStep: counted};
      const trial = await withFittedStart(own, text, label, progress, (startModel) =>
        runTrial<undefined>(own, text, {...args, startModel}),
      ).catch((error: unknown): Trial => {
        if (error instanceof Stopped) throw error;
        progress.note(`--auto-rank: the trial of ${label} failed: ${(error as Error).message}`);
        progress.step(steps - made);
        return {loss: NaN, stepSeconds: null, parameters: NaN, seen: undefined};
      });
      trials.push(trial);
      progress.end(trial.loss);
    }
  } finally {
    progress.stop();
  }
  return trials;
}

/** Does something with the model that a run would start from: fitted boundaries where it would fit them. */
async function withFittedStart<T>(
  config: RunConfig,
  text: LoadedText,
  title: string,
  progress: TrialProgress,
  use: (startModel: string | undefined) => Promise<T>,
): Promise<T> {
  if (config.model.initialModel === null) return use(undefined);
  const folder = await mkdtemp(path.join(tmpdir(), 'tfjs-mapl-'));
  try {
    const run = {file: (name: string) => path.join(folder, name)};
    const log = (line: string) => progress.note(line);
    return await use((await fitStart({config, run, title, log}, text)) ?? undefined);
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}
