import {setImmediate} from 'node:timers/promises';
import type * as tfl from '@tensorflow/tfjs-layers';
import {TokenBatches, type TokenBatch} from '../../data/token_batches.js';
import {setActivationStorage} from '../../ops/activation_storage.js';
import type {MaplOptimizer} from '../../optimizers/mapl_optimizer.js';
import {train} from '../../optimizers/train.js';
import {InProcessPipeline} from '../../pipeline/in_process.js';
import {splitModel} from '../../pipeline/split.js';
import type {RunConfig} from '../config/schema.js';
import {trainerSettings} from '../launcher/stage_worker.js';
import {buildModel} from '../training/build_model.js';
import {stageBeginnings} from '../training/llama_of_config.js';
import type {LoadedText} from '../training/load_text.js';
import {recipeOf} from '../training/recipe.js';

/** Steps that warm up memory and kernels, and are not timed where there are more. */
const UNTIMED = 2;

/** What a trial is to do. */
export interface TrialArgs<T> {
  /** Optimizer steps, 0 or more; warm-up and decay of the learning rates are their shares of these. */
  steps: number;
  /** Model to start from in place of `model.initialModel`. */
  startModel?: string;
  /** What to measure the loss on; none: it is not measured. */
  validation?: readonly TokenBatch[];
  /** Called before each step; what it throws ends the trial. */
  beforeStep?: () => void;
  /** Looks at the trained model before it is freed. */
  look?: (model: tfl.LayersModel) => Promise<T>;
}

/** What a trial shows. */
export interface Trial<T = undefined> {
  /** Mean validation loss, nats a token; NaN where it was not measured. */
  loss: number;
  /** Median seconds of a step, all stages one after the other in one process; null where no step was made. */
  stepSeconds: number | null;
  /** Numbers in the model. */
  parameters: number;
  /** What `look` gave. */
  seen: T | undefined;
}

/** The median, the upper one of two; null of nothing. */
function median(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}

/**
 * Trains a run's model for a few steps in this process, with what the run has at its cuts, and measures it. Two trials of
 * configurations that differ in `compression` only start from the same seed and see the same batches. Nothing is kept of it.
 *
 * @param config The run, with more than one stage.
 * @throws PipelineError when a step fails, on NaN in a loss or a gradient too.
 */
export async function runTrial<T>(
  config: RunConfig,
  text: LoadedText,
  args: TrialArgs<T>,
): Promise<Trial<T>> {
  const {steps, startModel, validation = [], beforeStep, look} = args;
  const {batchSize, context, seed} = config.training;
  const {vocabSize} = text.tokenizer;
  const {train: tokens} = text.data.tokens;
  const batches = new TokenBatches({tokens, batchSize, context, vocabSize, seed});
  const recipe = recipeOf({...config, training: {...config.training, steps: Math.max(1, steps)}});
  setActivationStorage(config.pipeline.activationStorage);
  const model = await buildModel(config, vocabSize, startModel);
  const stages = splitModel(model, {stages: stageBeginnings(config)});
  const optimizers: MaplOptimizer[] = stages.map(() => train.mapl(recipe));
  let pipeline: InProcessPipeline | null = null;
  try {
    pipeline = await InProcessPipeline.create({
      ...trainerSettings({config, vocabSize}),
      model: stages,
      optimizer: ({index}) => optimizers[index],
    });
    const seconds: number[] = [];
    for (let step = 0; step < steps; step++) {
      // A step on plain JavaScript may be microtasks only: without a task in between no signal would be heard.
      await setImmediate();
      beforeStep?.();
      const started = performance.now();
      await pipeline.step(batches.next());
      seconds.push((performance.now() - started) / 1000);
    }
    return {
      loss: validation.length ? await pipeline.evaluate(validation) : NaN,
      stepSeconds: median(seconds.slice(Math.min(UNTIMED, seconds.length - 1))),
      parameters: model.countParams(),
      seen: await look?.(model),
    };
  } finally {
    await pipeline?.close();
    optimizers.forEach((one) => one.dispose());
    stages.forEach((stage) => stage.dispose());
    model.dispose();
  }
}
