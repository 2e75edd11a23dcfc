import type {TokenBatchesState} from '../../data/token_batches.js';
import type {MaplOptimizer} from '../../optimizers/mapl_optimizer.js';
import {train} from '../../optimizers/train.js';
import {readCheckpoint} from '../../pipeline/checkpoint.js';
import {checkpointFormat, type CheckpointFormat} from '../../pipeline/checkpoint_format.js';
import {splitModel} from '../../pipeline/split.js';
import type {Stage} from '../../pipeline/stage.js';
import {stageCount} from '../config/check_config.js';
import {buildModel} from '../training/build_model.js';
import {stageBeginnings} from '../training/llama_of_config.js';
import {recipeOf} from '../training/recipe.js';
import type {StageSetup} from './messages.js';

/** What a run keeps in a checkpoint beside weights and optimizer state. */
export interface RunState {
  /** Of settings and text; a checkpoint is resumed only by a run with the same. */
  configHash: string;
  /** Where the data stands. */
  data: TokenBatchesState;
}

/** A stage ready to be trained: its part of the model, its optimizer, and where it stands. */
export interface StagePart {
  stage: Stage;
  optimizer: MaplOptimizer;
  format: CheckpointFormat;
  /** Steps done. */
  step: number;
  /** Position of the data, where a checkpoint was loaded. */
  data: TokenBatchesState | null;
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
  const {config, vocabSize, extraConfig, extraFiles} = setup;
  const model = await buildModel(config, vocabSize);
  const format = checkpointFormat(model, extraConfig);
  Object.assign(format.json, extraFiles);
  const stages = splitModel(model, {
    stages: stageCount(config) > 1 ? stageBeginnings(config) : 1,
  });
  return {stages, format, dispose: () => void model.dispose()};
}

/**
 * Gives a stage its optimizer and, where the run is resumed, the weights and the state of its checkpoint.
 *
 * @throws Error when the checkpoint is damaged, or of another run.
 */
export async function prepareStage(
  setup: CommonSetup,
  stage: Stage,
  format: CheckpointFormat,
): Promise<StagePart> {
  const optimizer = train.mapl(recipeOf(setup.config));
  const part: StagePart = {stage, optimizer, format, step: 0, data: null};
  if (setup.resumeFrom === null) return part;
  const {step, run} = await readCheckpoint(setup.resumeFrom, stage, format, optimizer);
  const state = run as unknown as RunState | null;
  if (state?.configHash !== setup.configHash) {
    throw new Error(
      `The checkpoint '${setup.resumeFrom}' was written by a run with other settings or other text; ` +
        'resume it with the configuration and the text it began with.',
    );
  }
  return {...part, step, data: state.data};
}
