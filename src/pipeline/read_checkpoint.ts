/** Reading the part of a checkpoint that belongs to a stage. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {openFolder} from '../io/index.js';
import {writeWeight} from '../layers/layer_weight.js';
import {MAPL_FILE} from '../models/llama/load_llama.js';
import {transpose} from '../models/llama/transpose.js';
import {WeightFiles} from '../models/llama/weight_files.js';
import {checkFolder, checkFormat} from './check_arguments.js';
import {identityDifference, parameterOf, type CheckpointFormat} from './checkpoint_format.js';
import {CHECKPOINT_FORMAT, STATE_FILE} from './checkpoint_folders.js';
import {loadLegs, type SavableLeg, type SavedLeg} from './leg_state.js';
import {loadOptimizer, type SavableOptimizer} from './optimizer_state.js';
import {checkStage, type Stage} from './stage.js';
import type {JsonValue} from './wire/index.js';

/** Where a run stands: `trainer_state.json`. */
export interface CheckpointState {
  /** Steps that are done. */
  step: number;
  /** Stages that wrote the checkpoint; another number may read it. */
  stages: number;
  /** Whatever the run needs besides: data position, RNG, hash of the configuration, schedule. */
  run: JsonValue;
}

/** `CheckpointState` with what else the file has. */
interface StoredState extends CheckpointState {
  files: {[file: string]: number};
  legs?: {[end: string]: SavedLeg};
}

/**
 * Loads a stage's weights, its optimizer's state and that of its leg codecs. The checkpoint may have been written by another number
 * of stages, unless a leg codec has state.
 *
 * @throws Error naming file and tensor: no checkpoint there, one of another model, a shard that is missing, truncated or corrupt,
 *     a tensor that is missing or has another shape or dtype, no optimizer state, no state of a leg codec or that of another.
 */
export async function readCheckpoint(
  folder: string,
  stage: Stage,
  format: CheckpointFormat,
  optimizer?: Partial<SavableOptimizer>,
  legs: readonly SavableLeg[] = [],
): Promise<CheckpointState> {
  checkFolder('readCheckpoint', 'folder', folder);
  checkStage('readCheckpoint', stage);
  checkFormat('readCheckpoint', format);
  const state = await readState(folder);
  await checkIdentity(folder, format);
  for (const [set, name] of [
    ['model', 'model.safetensors'],
    ['mapl', MAPL_FILE],
  ] as const) {
    const weights = stage.weights.filter((weight) => parameterOf(format, weight).file === set);
    if (weights.length > 0) {
      const files = await WeightFiles.open(openFolder(folder), name);
      try {
        for (const weight of weights) {
          await loadWeight(files, weight, format, folder);
        }
      } finally {
        await files.close();
      }
    }
  }
  const filesOf = (set: string) => Object.keys(state.files).filter((f) => f.startsWith(`${set}-`));
  if (optimizer?.setWeights != null && state.step > 0) {
    await loadOptimizer(folder, filesOf('optimizer'), stage, optimizer as SavableOptimizer);
  }
  await loadLegs(folder, legs, state.legs ?? {}, filesOf('legs'));
  return {step: state.step, stages: state.stages, run: state.run};
}

/** Reads `trainer_state.json` of a checkpoint. */
export async function readState(folder: string): Promise<StoredState> {
  checkFolder('readState', 'folder', folder);
  const text = await openFolder(folder).text(STATE_FILE);
  if (text == null) {
    throw new Error(`${folder} has no ${STATE_FILE}: it is no checkpoint, or was not completed.`);
  }
  const state = parse(text, `${folder}/${STATE_FILE}`) as {format?: number; step: number};
  if (state.format !== CHECKPOINT_FORMAT || !Number.isInteger(state.step)) {
    throw new Error(
      `${folder}/${STATE_FILE} is of format ${state.format}, expected ${CHECKPOINT_FORMAT}: was it written by another release?`,
    );
  }
  return state as unknown as StoredState;
}

async function checkIdentity(folder: string, format: CheckpointFormat): Promise<void> {
  const text = await openFolder(folder).text('config.json');
  if (text == null) {
    throw new Error(`${folder} has no config.json.`);
  }
  const file = `${folder}/config.json`;
  const config = parse(text, file) as {[key: string]: unknown};
  const difference = identityDifference(format, config, file);
  if (difference != null) {
    throw new Error(`${file} is of another model: ${difference}.`);
  }
}

async function loadWeight(
  files: WeightFiles,
  weight: tfl.LayerVariable,
  format: CheckpointFormat,
  folder: string,
): Promise<void> {
  const {tensor, shape, transposed} = parameterOf(format, weight);
  const reader = files.reader(tensor);
  if (reader == null) {
    throw new Error(`${folder}: tensor '${tensor}' is missing.`);
  }
  const want = transposed ? [...shape].reverse() : shape;
  const found = reader.entry(tensor).shape;
  if (want.join() !== found.join()) {
    throw new Error(
      `${reader.label}: tensor '${tensor}' has shape [${found.join(', ')}], expected [${want.join(', ')}].`,
    );
  }
  const values = await reader.float32(tensor);
  writeWeight(weight, transposed ? transpose(values, shape[1], shape[0]) : values);
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}.`);
  }
}
