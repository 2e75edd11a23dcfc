/** Writes a LLaMA as a Hugging Face folder. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {checkOptions} from '../../ops/check_options.js';
import {checkInteger} from '../../ops/check_values.js';
import {safetensorsPieces, type TensorToWrite, writeFolder} from '../../io/index.js';
import type {ResolvedLlamaConfig} from './llama_config.js';
import {llamaConfigOf} from './llama_config_of.js';
import {type LlamaParameter, llamaParameters, maplParameters} from './llama_parameters.js';
import {MAPL_FILE} from './load_llama.js';
import {rememberedConfig} from './source_config.js';
import {transpose} from './transpose.js';
import {wholeWeights} from './whole_weights.js';

/** Options of {@link saveLlama}. */
export interface SaveLlamaOptions {
  /** Number of safetensors files; default 1. */
  shards?: number;
  /** More entries for config.json, such as `bos_token_id` and `eos_token_id`. */
  config?: Record<string, unknown>;
}

/**
 * Saves a model so that both `loadLlama` and `transformers`' `LlamaForCausalLM.from_pretrained` load it: `config.json`,
 * `generation_config.json` and `model.safetensors` (or shards and their index), float32. Boundaries of a model with MAPL
 * go to `mapl.safetensors` and under `mapl` in the config: `transformers` sees the plain LLaMA. Of a Subspace Network the
 * confined weights are there in whole too, so that it sees the same function.
 *
 * Each file is written beside its place; only when all are complete they are renamed. Other files of the folder stay.
 *
 * @param model A whole LLaMA.
 * @param path Folder, made if needed (Node only).
 * @throws If the model is no whole LLaMA, or path or options make no sense.
 */
export async function saveLlama(
  model: tfl.LayersModel,
  path: string,
  options: SaveLlamaOptions = {},
): Promise<void> {
  const example = "saveLlama(model, 'my-llama', {shards: 2})";
  checkOptions('saveLlama', options, example, ['shards', 'config']);
  if (typeof path !== 'string' || path === '') {
    throw new Error(
      `saveLlama: path is ${JSON.stringify(path) ?? 'missing'}, expected a folder: ${example}.`,
    );
  }
  const {shards = 1} = options;
  const config = llamaConfigOf(model);
  const own = llamaParameters(config);
  checkInteger('saveLlama', 'shards', shards, 1, own.length);
  const tensors = [
    ...(await readTensors(model, own)),
    ...(await wholeWeights(config, model.weights)),
  ];
  const files = modelFiles(tensors, shards);
  const extra = await readTensors(model, maplParameters(config));
  if (extra.length > 0) {
    files.set(MAPL_FILE, safetensorsPieces(extra, {format: 'pt'}));
  }
  const json = configJson(config, {...rememberedConfig(model), ...options.config});
  files.set('generation_config.json', [text(generationJson(json))]);
  files.set('config.json', [text(json)]);
  await writeFolder(path, files, isModelFile);
}

async function readTensors(
  model: tfl.LayersModel,
  parameters: LlamaParameter[],
): Promise<TensorToWrite[]> {
  const weights = new Map(model.weights.map((weight) => [weight.originalName, weight]));
  const tensors: TensorToWrite[] = [];
  for (const {weight: name, tensor, shape, transposed} of parameters) {
    const weight = weights.get(name);
    if (weight == null) {
      throw new Error(`saveLlama: the model has no weight '${name}', expected a whole LLaMA.`);
    }
    const values = (await weight.read().data()) as Float32Array;
    tensors.push(
      transposed
        ? {name: tensor, shape: [shape[1], shape[0]], data: transpose(values, shape[0], shape[1])}
        : {name: tensor, shape, data: values},
    );
  }
  return tensors;
}

/** File name → content; shards are filled in order, each to its share of the bytes. */
function modelFiles(tensors: TensorToWrite[], shards: number): Map<string, Uint8Array[]> {
  const files = new Map<string, Uint8Array[]>();
  const metadata = {format: 'pt'};
  if (shards === 1) {
    return files.set('model.safetensors', safetensorsPieces(tensors, metadata));
  }
  const total = tensors.reduce((sum, {data}) => sum + data.byteLength, 0);
  const groups: TensorToWrite[][] = Array.from({length: shards}, () => []);
  let done = 0;
  let shard = 0;
  tensors.forEach((tensor, i) => {
    const mustMove = tensors.length - i <= shards - 1 - shard;
    const full = done >= ((shard + 1) * total) / shards;
    if (groups[shard].length > 0 && (full || mustMove)) shard++;
    groups[shard].push(tensor);
    done += tensor.data.byteLength;
  });
  const pad = (n: number) => String(n).padStart(5, '0');
  const map: Record<string, string> = {};
  groups.forEach((group, i) => {
    const name = `model-${pad(i + 1)}-of-${pad(shards)}.safetensors`;
    group.forEach((tensor) => (map[tensor.name] = name));
    files.set(name, safetensorsPieces(group, metadata));
  });
  const index = {metadata: {total_size: total}, weight_map: map};
  return files.set('model.safetensors.index.json', [text(index)]);
}

/** Hugging Face's config: what the model is, over whatever else the model was loaded with. */
export function configJson(
  config: ResolvedLlamaConfig,
  others: Record<string, unknown>,
): Record<string, unknown> {
  const {mapl, rope_scaling: scaling, rope_theta: theta, seed, ...rest} = config;
  const {rope_theta: _theta, rope_scaling: _scaling, mapl: _mapl, ...kept} = others;
  const {rope_type: type = scaling?.type ?? 'default', ...factors} = scaling ?? {};
  return {
    ...kept,
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    ...rest,
    // transformers 5 reads rope_parameters; older releases read the other two.
    rope_parameters: {rope_theta: theta, rope_type: type, ...factors},
    rope_theta: theta,
    ...(scaling == null ? {} : {rope_scaling: {rope_type: type, ...factors}}),
    dtype: 'float32',
    torch_dtype: 'float32',
    seed,
    ...(mapl == null ? {} : {mapl}),
  };
}

/** The `generation_config.json` that goes with a `config.json`. */
export function generationJson(config: Record<string, unknown>): Record<string, unknown> {
  const {bos_token_id, eos_token_id, pad_token_id} = config;
  const ids = {bos_token_id, eos_token_id, pad_token_id};
  const given = Object.entries(ids).filter(([, id]) => id != null);
  return {_from_model_config: true, ...Object.fromEntries(given)};
}

/** Files that a former save may have left and that would belie the new ones. */
function isModelFile(name: string): boolean {
  return (
    name === 'model.safetensors' ||
    name === 'model.safetensors.index.json' ||
    name === MAPL_FILE ||
    name === `${MAPL_FILE}.index.json` ||
    /^(model|mapl)-\d{5}-of-\d{5}\.safetensors$/.test(name)
  );
}

function text(json: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
}
