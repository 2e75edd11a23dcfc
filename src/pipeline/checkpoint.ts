/**
 * Checkpoints that every stage writes a part of (Node only): weights in Hugging Face's layout, optimizer state by name of the
 * weight, and where the run stands. Written beside its place and renamed when it is complete and on disk.
 */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {openFolder, safetensorsPieces, writeAtomically, type TensorToWrite} from '../io/index.js';
import {writeWeight} from '../layers/layer_weight.js';
import {MAPL_FILE} from '../models/llama/load_llama.js';
import {transpose} from '../models/llama/transpose.js';
import {WeightFiles} from '../models/llama/weight_files.js';
import {identityDifference, type CheckpointFormat} from './checkpoint_format.js';
import {STATE_FILE} from './checkpoint_folders.js';
import type {Stage} from './stage.js';
import type {JsonValue} from './wire/index.js';

/** As in `tf.Optimizer.getWeights`; tfjs-core does not export the type. */
type NamedTensor = Awaited<ReturnType<tf.Optimizer['getWeights']>>[number];

/** An optimizer whose state goes to checkpoints: those of `train`. */
export interface SavableOptimizer {
  getWeights(): Promise<NamedTensor[]>;
  setWeights(weights: NamedTensor[]): Promise<void>;
}

/** What one stage has written. Plain JSON, so that it can be sent to who completes the checkpoint. */
export interface ShardInfo {
  stage: number;
  stages: number;
  /** Bytes by file name. */
  files: {[file: string]: number};
  /** File by tensor name, of the weights. */
  tensors: {[tensor: string]: string};
  /** Bytes of the tensors in the `model` files, for their index. */
  totalBytes: number;
}

/** Where a run stands: `trainer_state.json`. */
export interface CheckpointState {
  /** Steps that are done. */
  step: number;
  /** Stages that wrote the checkpoint; another number may read it. */
  stages: number;
  /** Whatever the run needs besides: data position, RNG, hash of the configuration, schedule. */
  run: JsonValue;
}

const FORMAT = 1;

/**
 * Makes the folder that the stages write into, beside the checkpoint's place.
 * @param target Where the checkpoint will be, such as `checkpoints/step-000100`.
 * @returns `<target>.tmp-<unique>`.
 */
export async function beginCheckpoint(target: string): Promise<string> {
  const {mkdir} = await import('node:fs/promises');
  const folder = `${target}.tmp-${process.pid}-${Date.now().toString(36)}`;
  await mkdir(folder, {recursive: true}).catch((error: Error) => {
    throw new Error(`${folder} can't be made: ${error.message}.`);
  });
  return folder;
}

/**
 * Writes a stage's part: `model-0000k-of-0000P.safetensors`, `mapl-…` for its boundaries, and `optimizer-…` if there is an
 * optimizer with state. Each file is flushed to disk.
 *
 * @param folder What `beginCheckpoint` gave.
 */
export async function writeShard(
  folder: string,
  stage: Stage,
  format: CheckpointFormat,
  optimizer?: Partial<SavableOptimizer>,
): Promise<ShardInfo> {
  const path = await import('node:path');
  const info: ShardInfo = {
    stage: stage.index,
    stages: stage.stages,
    files: {},
    tensors: {},
    totalBytes: 0,
  };
  const write = async (set: string, tensors: TensorToWrite[]): Promise<string | null> => {
    if (tensors.length === 0) {
      return null;
    }
    const file = shardName(set, stage.index, stage.stages);
    const pieces = safetensorsPieces(tensors, {format: 'pt'});
    await writeAtomically(path.join(folder, file), pieces);
    info.files[file] = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    return file;
  };
  for (const set of ['model', 'mapl'] as const) {
    const tensors: TensorToWrite[] = [];
    for (const weight of stage.weights) {
      const parameter = parameterOf(format, weight);
      if (parameter.file === set) {
        const values = (await weight.read().data()) as Float32Array;
        const [rows, columns] = parameter.shape;
        const shape = parameter.transposed ? [columns, rows] : parameter.shape;
        const data = parameter.transposed ? transpose(values, rows, columns) : values;
        tensors.push({name: parameter.tensor, shape, data});
        info.totalBytes += set === 'model' ? data.byteLength : 0;
      }
    }
    const file = await write(set, tensors);
    tensors.forEach(({name}) => (info.tensors[name] = file!));
  }
  await write('optimizer', await optimizerTensors(stage, optimizer));
  return info;
}

/**
 * Completes a checkpoint once every stage has written its part: `config.json`, the indices of the shards and
 * `trainer_state.json`; then renames the folder to its place.
 *
 * @throws Error when a part is missing or has another size than its stage said; what is at `target` then stays.
 */
export async function commitCheckpoint(
  folder: string,
  target: string,
  format: CheckpointFormat,
  shards: ShardInfo[],
  state: {step: number; run?: JsonValue},
): Promise<void> {
  const {open, rename, rm, stat} = await import('node:fs/promises');
  const path = await import('node:path');
  const {stages} = shards[0];
  if (shards.length !== stages) {
    throw new Error(`commitCheckpoint: got parts of ${shards.length} of ${stages} stages.`);
  }
  for (const {stage, files} of shards) {
    for (const [file, bytes] of Object.entries(files)) {
      const size = await stat(path.join(folder, file)).then(
        (found) => found.size,
        () => null,
      );
      if (size !== bytes) {
        throw new Error(
          `${path.join(folder, file)} of stage ${stage} ${size == null ? 'is not there' : `has ${size} bytes`}, ` +
            `expected ${bytes} bytes: all stages must write to one file system.`,
        );
      }
    }
  }
  const map = Object.assign({}, ...shards.map(({tensors}) => tensors)) as {[name: string]: string};
  const missing = [...format.parameters.values()].filter(({tensor}) => map[tensor] == null);
  if (missing.length > 0) {
    throw new Error(`commitCheckpoint: no stage has written '${missing[0].tensor}'.`);
  }
  const total = shards.reduce((sum, {totalBytes}) => sum + totalBytes, 0);
  const json: {[file: string]: unknown} = {};
  for (const [set, name] of [
    ['model', 'model.safetensors'],
    ['mapl', MAPL_FILE],
  ] as const) {
    const own = [...format.parameters.values()].filter(({file}) => file === set);
    if (own.length > 0) {
      json[`${name}.index.json`] = {
        metadata: set === 'model' ? {total_size: total} : {},
        weight_map: Object.fromEntries(own.map(({tensor}) => [tensor, map[tensor]])),
      };
    }
  }
  Object.assign(json, format.json);
  const files = Object.assign({}, ...shards.map((shard) => shard.files)) as {
    [file: string]: number;
  };
  json[STATE_FILE] = {format: FORMAT, step: state.step, stages, run: state.run ?? null, files};
  for (const [file, value] of Object.entries(json)) {
    await writeAtomically(path.join(folder, file), [`${JSON.stringify(value, null, 2)}\n`]);
  }
  await flushFolder(folder, open);
  // A checkpoint of the same step, from before a run was resumed, is moved aside first: folders cannot be replaced.
  const aside = `${target}.old-${process.pid}-${Date.now().toString(36)}`;
  const moved = await rename(target, aside).then(
    () => true,
    () => false,
  );
  await rename(folder, target);
  await flushFolder(path.dirname(target), open);
  if (moved) {
    await rm(aside, {recursive: true, force: true});
  }
}

/**
 * Loads a stage's weights and its optimizer's state. The checkpoint may have been written by another number of stages.
 *
 * @throws Error naming file and tensor: no checkpoint there, one of another model, a shard that is missing, truncated or corrupt,
 *     a tensor that is missing or has another shape or dtype, no optimizer state.
 */
export async function readCheckpoint(
  folder: string,
  stage: Stage,
  format: CheckpointFormat,
  optimizer?: Partial<SavableOptimizer>,
): Promise<CheckpointState> {
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
  if (optimizer?.setWeights != null && state.step > 0) {
    await loadOptimizer(folder, state, stage, optimizer as SavableOptimizer);
  }
  return {step: state.step, stages: state.stages, run: state.run};
}

/** Reads `trainer_state.json` of a checkpoint. */
export async function readState(
  folder: string,
): Promise<CheckpointState & {files: {[file: string]: number}}> {
  const text = await openFolder(folder).text(STATE_FILE);
  if (text == null) {
    throw new Error(`${folder} has no ${STATE_FILE}: it is no checkpoint, or was not completed.`);
  }
  const state = parse(text, `${folder}/${STATE_FILE}`) as {format?: number; step: number};
  if (state.format !== FORMAT || !Number.isInteger(state.step)) {
    throw new Error(
      `${folder}/${STATE_FILE} is of format ${state.format}, expected ${FORMAT}: was it written by another release?`,
    );
  }
  return state as unknown as CheckpointState & {files: {[file: string]: number}};
}

async function checkIdentity(folder: string, format: CheckpointFormat): Promise<void> {
  const text = await openFolder(folder).text('config.json');
  if (text == null) {
    throw new Error(`${folder} has no config.json.`);
  }
  const config = parse(text, `${folder}/config.json`) as {[key: string]: unknown};
  const difference = identityDifference(format, config);
  if (difference != null) {
    throw new Error(`${folder}/config.json is of another model: ${difference}.`);
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

/** The optimizer's state under the weights' names in the model, without the suffixes by which tfjs keeps names apart. */
async function optimizerTensors(
  stage: Stage,
  optimizer: Partial<SavableOptimizer> | undefined,
): Promise<TensorToWrite[]> {
  const entries = (await optimizer?.getWeights?.()) ?? [];
  const tensors: TensorToWrite[] = [];
  for (const {name, tensor} of entries) {
    const weight = longestMatch(stage, name, (w) => w.name);
    const saved = weight == null ? name : weight.originalName + name.slice(weight.name.length);
    const data = (await tensor.data()) as Float32Array | Int32Array;
    const dtype = tensor.dtype === 'int32' ? 'I32' : 'F32';
    tensors.push({name: saved, dtype, shape: tensor.shape, data});
    if (name === 'iter') {
      tensor.dispose();
    }
  }
  return tensors;
}

async function loadOptimizer(
  folder: string,
  state: {stages: number; files: {[file: string]: number}},
  stage: Stage,
  optimizer: SavableOptimizer,
): Promise<void> {
  const names = Object.keys(state.files).filter((file) => file.startsWith('optimizer-'));
  if (names.length === 0) {
    throw new Error(`${folder} has no state of an optimizer: it can be started from, not resumed.`);
  }
  const loaded: NamedTensor[] = [];
  const found = new Set<string>();
  try {
    for (const name of names) {
      const files = await WeightFiles.openFiles(openFolder(folder), [name]);
      try {
        for (const tensor of files.names()) {
          const reader = files.reader(tensor)!;
          const {shape, dtype} = reader.entry(tensor);
          const values = () => (dtype === 'I32' ? reader.int32(tensor) : reader.float32(tensor));
          if (tensor === 'iter') {
            if (loaded[0] == null) {
              const value = tf.tensor(await values(), shape, dtype === 'I32' ? 'int32' : 'float32');
              loaded.unshift({name: 'iter', tensor: value});
            }
            continue;
          }
          const weight = longestMatch(stage, tensor, (w) => w.originalName);
          if (weight != null) {
            found.add(weight.name);
            const own = weight.name + tensor.slice(weight.originalName.length);
            loaded.push({name: own, tensor: tf.tensor(await values(), shape, 'float32')});
          }
        }
      } finally {
        await files.close();
      }
    }
    if (loaded[0]?.name !== 'iter') {
      throw new Error(`${folder}: the optimizer state has no 'iter', the number of its steps.`);
    }
    await optimizer.setWeights(loaded);
  } finally {
    tf.dispose(loaded.map(({tensor}) => tensor));
  }
}

/** The weight whose name, followed by a slash, begins a name of state; the longest if there are several. */
function longestMatch(
  stage: Stage,
  name: string,
  nameOf: (weight: tfl.LayerVariable) => string,
): tfl.LayerVariable | null {
  const matches = stage.trainableWeights.filter((weight) => name.startsWith(`${nameOf(weight)}/`));
  return matches.sort((a, b) => nameOf(b).length - nameOf(a).length)[0] ?? null;
}

function parameterOf(format: CheckpointFormat, weight: tfl.LayerVariable) {
  const parameter = format.parameters.get(weight.originalName);
  if (parameter == null) {
    throw new Error(
      `checkpoint: the format has no weight '${weight.originalName}': make it with checkpointFormat() of the same model.`,
    );
  }
  return parameter;
}

function shardName(set: string, index: number, stages: number): string {
  const pad = (n: number) => String(n).padStart(5, '0');
  return `${set}-${pad(index + 1)}-of-${pad(stages)}.safetensors`;
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}.`);
  }
}

/** Makes the names in a folder last through a power cut, where the system lets folders be flushed. */
async function flushFolder(
  folder: string,
  open: (path: string, flags: string) => Promise<{sync(): Promise<void>; close(): Promise<void>}>,
): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
