/** Writing a checkpoint: every stage its part, one of them the rest. */
import {safetensorsPieces, writeAtomically, type TensorToWrite} from '../io/index.js';
import {MAPL_FILE} from '../models/llama/load_llama.js';
import {transpose} from '../models/llama/transpose.js';
import {requireOptions} from '../ops/check_options.js';
import {checkInteger, checkList, checkMembers} from '../ops/check_values.js';
import {checkFolder, checkFormat} from './check_arguments.js';
import {parameterOf, type CheckpointFormat} from './checkpoint_format.js';
import {CHECKPOINT_FORMAT, STATE_FILE} from './checkpoint_folders.js';
import {legTensors, type SavableLeg, type SavedLeg} from './leg_state.js';
import {optimizerTensors, type SavableOptimizer} from './optimizer_state.js';
import {checkStage, type Stage} from './stage.js';
import type {JsonValue} from './wire/index.js';

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
  /** What it wrote of the state of leg codecs, by end. */
  legs?: {[end: string]: SavedLeg};
}

/**
 * Makes the folder that the stages write into, beside the checkpoint's place.
 * @param target Where the checkpoint will be, such as `checkpoints/step-000100`.
 * @returns `<target>.tmp-<unique>`.
 */
export async function beginCheckpoint(target: string): Promise<string> {
  checkFolder('beginCheckpoint', 'target', target);
  const {mkdir} = await import('node:fs/promises');
  const folder = `${target}.tmp-${process.pid}-${Date.now().toString(36)}`;
  await mkdir(folder, {recursive: true}).catch((error: Error) => {
    throw new Error(`${folder} can't be made: ${error.message}.`);
  });
  return folder;
}

/**
 * Writes a stage's part: `model-0000k-of-0000P.safetensors`, `mapl-…` for its boundaries, `optimizer-…` if there is an
 * optimizer with state, and `legs-…` if there are leg codecs with state. Each file is flushed to disk.
 *
 * @param folder What `beginCheckpoint` gave.
 */
export async function writeShard(
  folder: string,
  stage: Stage,
  format: CheckpointFormat,
  optimizer?: Partial<SavableOptimizer>,
  legs: readonly SavableLeg[] = [],
): Promise<ShardInfo> {
  checkFolder('writeShard', 'folder', folder);
  checkStage('writeShard', stage);
  checkFormat('writeShard', format);
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
    if (set === 'model') {
      const whole = (await format.whole?.make(stage.weights)) ?? [];
      whole.forEach(({data}) => (info.totalBytes += data.byteLength));
      tensors.push(...whole);
    }
    const file = await write(set, tensors);
    tensors.forEach(({name}) => (info.tensors[name] = file!));
  }
  await write('optimizer', await optimizerTensors(stage, optimizer));
  const {tensors, saved} = await legTensors(legs);
  await write('legs', tensors);
  info.legs = saved;
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
  const where = 'commitCheckpoint';
  checkFolder(where, 'folder', folder);
  checkFolder(where, 'target', target);
  checkFormat(where, format);
  checkList(where, 'shards', shards, 'what writeShard gave for each stage, at least one');
  shards.forEach((shard, i) => {
    const members = ['stage', 'stages', 'files', 'tensors', 'totalBytes'];
    checkMembers(where, `shards[${i}]`, shard, members, 'what writeShard gave');
  });
  if (shards.length === 0) {
    throw new Error('commitCheckpoint: shards is empty, expected what writeShard gave.');
  }
  requireOptions(`${where}, state`, state, '{step: 100}');
  checkInteger(where, 'step of state', state.step, 0);
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
    const names = own.map(({tensor}) => tensor);
    names.push(...(set === 'model' ? (format.whole?.tensors ?? []) : []));
    if (names.length > 0) {
      json[`${name}.index.json`] = {
        metadata: set === 'model' ? {total_size: total} : {},
        weight_map: Object.fromEntries(names.map((tensor) => [tensor, map[tensor]])),
      };
    }
  }
  Object.assign(json, format.json);
  const files = Object.assign({}, ...shards.map((shard) => shard.files)) as {
    [file: string]: number;
  };
  json[STATE_FILE] = {
    format: CHECKPOINT_FORMAT,
    step: state.step,
    stages,
    run: state.run ?? null,
    files,
    legs: Object.assign({}, ...shards.map((shard) => shard.legs ?? {})),
  };
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

function shardName(set: string, index: number, stages: number): string {
  const pad = (n: number) => String(n).padStart(5, '0');
  return `${set}-${pad(index + 1)}-of-${pad(stages)}.safetensors`;
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
