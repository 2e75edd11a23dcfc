import type {TokenBatchesState} from '../../data/token_batches.js';
import type {MaplOptimizer} from '../../optimizers/mapl_optimizer.js';
import {train} from '../../optimizers/train.js';
import {checkpointFormat, type CheckpointFormat} from '../../pipeline/checkpoint.js';
import {splitModel} from '../../pipeline/split.js';
import type {Stage} from '../../pipeline/stage.js';
import {stageCount} from '../config/check_config.js';
import {buildModel} from '../training/build_model.js';
import {stageBeginnings} from '../training/llama_of_config.js';
import type {Agreement} from '../run/agreement.js';
import {recipeOf} from '../training/recipe.js';
import type {StageSetup} from './messages.js';

/** What a run keeps in a checkpoint beside weights and optimizer state. */
export interface RunState {
  /** A checkpoint is resumed only by a run that agrees. */
  agreed?: Agreement;
  /** What earlier versions wrote in place of `agreed`. */
  configHash?: string;
  /** Where the data stands. */
  data: TokenBatchesState;
}

/** What all stages of a run know. */
export type CommonSetup = Omit<StageSetup, 'index' | 'identity' | 'allow'>;

/** The whole model of a run in stages, with the layout of its checkpoints. */
export interface SplitRun {
  stages: Stage[];
  format: CheckpointFormat;
  /** Frees the whole model. */
  dispose(): void;
}

/** Builds the model of a run and splits it. */
export async function splitRun(setup: CommonSetup): Promise<SplitRun> {
  const {config, vocabSize, startModel, extraConfig, extraFiles} = setup;
  const model = await buildModel(config, vocabSize, startModel ?? undefined);
  const format = checkpointFormat(model, extraConfig);
  Object.assign(format.json, extraFiles);
  const stages = splitModel(model, {
    stages: stageCount(config) > 1 ? stageBeginnings(config) : 1,
  });
  return {stages, format, dispose: () => void model.dispose()};
}

/** The optimizer of one stage. */
export function stageOptimizer(setup: CommonSetup): MaplOptimizer {
  return train.mapl(recipeOf(setup.config));
}
