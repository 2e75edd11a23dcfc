/** What a stage's trainer takes. */
import type * as tf from '@tensorflow/tfjs-core';
import {checkOptions} from '../ops/check_options.js';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMembers,
  refuseValue,
} from '../ops/check_values.js';
import {checkScheduleForm} from './check_arguments.js';
import type {SavableOptimizer} from './optimizer_state.js';
import type {CheckpointFormat} from './checkpoint_format.js';
import type {LegSpecs} from './crossing.js';
import type {Schedule} from './schedule.js';
import {checkStage, type Stage} from './stage.js';
import type {SumLoss} from './stage_compute.js';
import type {Channel} from './transport/index.js';
import type {JsonValue} from './wire/index.js';

/** A stage's part of the data of a step. The first stage needs `ids`, the last `targets`, the others nothing. */
export interface StepData {
  /** Row-major token ids. */
  ids?: ArrayLike<number>;
  /** The ids one position later. */
  targets?: ArrayLike<number>;
  /** `[batch, time]`; `batch` a multiple of the number of microbatches in a training step. */
  shape?: readonly [number, number];
}

/** What a trainer needs of an optimizer: those of `train`, and all of tfjs's own. */
export interface StageOptimizer extends Partial<SavableOptimizer> {
  /** @param options `globalNorm`: the norm over all stages, for clipping. */
  applyGradients(gradients: tf.NamedTensorMap, options?: {globalNorm?: number}): void;
}

/** What a trainer is made of. */
export interface StageTrainerArgs {
  stage: Stage;
  /** Updates the weights of this stage, the master of its outgoing projector among them. */
  optimizer: StageOptimizer;
  /** A name known to `makeSchedule` (default `1f1b`), or a schedule. The same on all stages. */
  schedule?: string | Schedule;
  /** Microbatches of a step, at least 1. The same on all stages. */
  microbatches: number;
  /** Codec of projectors, and of both legs by default: `bfloat16` (default), `float32`, or one that was registered. */
  wire?: string;
  /** Codecs of activations and of their gradients, each with its options. The same on all stages. Default: `wire`. */
  legs?: LegSpecs;
  /**
   * Name of the compression method that model and legs were made by, as for `methodPlan`: a neighbour that names another one, or
   * another version of it, is refused. The same on all stages. Default: none named.
   */
  method?: string;
  /** Seed of what codecs draw, such as how they round. The same on all stages. Default 0. */
  seed?: number;
  /** Number of token ids; others are refused. */
  vocabSize: number;
  /** Channel to the stage before; not at the first stage. The trainer reads it until `dispose`. */
  previous?: Channel;
  /** Channel to the stage after; not at the last stage. */
  next?: Channel;
  /** Keep only the inputs of a microbatch and run its forward again in the backward: less memory, same bits. */
  recompute?: boolean;
  /** Loss of the last stage, summed over tokens. Default: `sparseCrossEntropy`. */
  loss?: SumLoss;
  /** How many steps were done before, when a run is resumed. Default 0. */
  step?: number;
  /** A step fails when a neighbour does not send what is due within this time. Default 300 000 ms. */
  timeoutMs?: number;
}

/** All keys; the type makes sure that none is forgotten. */
const KEYS = {
  stage: true,
  optimizer: true,
  schedule: true,
  microbatches: true,
  wire: true,
  legs: true,
  method: true,
  seed: true,
  vocabSize: true,
  previous: true,
  next: true,
  recompute: true,
  loss: true,
  step: true,
  timeoutMs: true,
} satisfies Record<keyof StageTrainerArgs, true>;

/** Throws if the arguments are missing, or have a key that nothing reads. */
export function checkTrainerArgs(args: StageTrainerArgs): void {
  const example = 'new StageTrainer({stage, optimizer, microbatches: 4, vocabSize: 2048})';
  checkOptions('StageTrainer', args, example, Object.keys(KEYS));
  const where = 'StageTrainer';
  checkStage(where, args.stage);
  const {optimizer, schedule, recompute, loss, timeoutMs} = args;
  checkMembers(where, 'optimizer', optimizer, ['applyGradients'], 'one such as train.mapl()');
  checkInteger(where, 'microbatches', args.microbatches, 1);
  checkInteger(where, 'vocabSize', args.vocabSize, 1);
  checkInteger(where, 'step', args.step ?? 0, 0);
  if (typeof schedule !== 'string' && schedule != null) checkScheduleForm(where, schedule);
  if (recompute != null) checkBoolean(where, 'recompute', recompute);
  if (loss != null) checkFunction(where, 'loss', loss, 'a function of logits and targets');
  if (timeoutMs != null && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    refuseValue(where, 'timeoutMs', timeoutMs, 'a number of milliseconds above 0');
  }
  for (const side of ['previous', 'next'] as const) {
    const members = ['send', 'receive', 'stats'];
    if (args[side] != null) checkMembers(where, side, args[side], members, 'a channel');
  }
}

/** What `StageTrainer.save` needs. */
export interface SaveArgs {
  /** Layout of the model's checkpoints, from `checkpointFormat(model)`. */
  format: CheckpointFormat;
  /** First stage: where the checkpoint goes, such as `checkpoints/step-000100`. */
  target?: string;
  /** First stage: what the run needs to go on besides weights: data position, RNG, hash of the configuration. */
  run?: JsonValue;
  /** First stage: how many checkpoints to keep in the folder around `target`. Default: all. */
  keep?: number;
}
