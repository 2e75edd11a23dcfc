/** Reads a LLaMA from a Hugging Face folder. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {type Folder, openFolder} from '../../io/index.js';
import {writeWeight} from '../../layers/layer_weight.js';
import {buildLlama} from './llama.js';
import {type LlamaConfig, type ResolvedLlamaConfig, resolveLlamaConfig} from './llama_config.js';
import {type LlamaParameter, llamaParameters, maplParameters} from './llama_parameters.js';
import {rememberConfig} from './source_config.js';
import {transpose} from './transpose.js';
import {wholeParameters} from './whole_weights.js';
import {WeightFiles} from './weight_files.js';

/** File beside the model's own that has the boundaries of a model with MAPL: `transformers` does not look at it. */
export const MAPL_FILE = 'mapl.safetensors';

/**
 * Loads a model from a folder with `config.json` and `model.safetensors`, or shards with
 * `model.safetensors.index.json`. Weights of dtype F32, F16 and BF16 become float32.
 *
 * @param pathOrUrl A folder on disk (Node), or the URL that the file names are appended to.
 * @returns The model, as `llama(config)` builds it.
 * @throws If a file is missing, truncated or corrupt, the config is of another kind of model, or a tensor is missing,
 *   unexpected, or of the wrong shape or dtype. The message names file and tensor.
 */
export async function loadLlama(pathOrUrl: string): Promise<tfl.LayersModel> {
  const folder = openFolder(pathOrUrl);
  const source = await readConfig(folder);
  const config = resolveLlamaConfig(source as unknown as LlamaConfig, folder.pathOf('config.json'));
  const weights = await openWeights(folder, config);
  let model: tfl.LayersModel | null = null;
  try {
    model = buildLlama(config, false);
    for (const {files, parameters} of weights) {
      await fill(model, files, parameters);
    }
    rememberConfig(model, source);
    return model;
  } catch (error) {
    model?.dispose();
    throw error;
  } finally {
    await Promise.all(weights.map(({files}) => files.close()));
  }
}

/**
 * Throws as {@link loadLlama} does unless a folder has all weights of `config`, in the right shapes. Reads headers and
 * sizes of the files, no values.
 */
export async function checkWeights(folder: Folder, config: ResolvedLlamaConfig): Promise<void> {
  const weights = await openWeights(folder, config);
  await Promise.all(weights.map(({files}) => files.close()));
}

/** Opens the files of the LLaMA, and of its boundaries if it has any, and checks what is in them. The caller closes them. */
async function openWeights(
  folder: Folder,
  config: ResolvedLlamaConfig,
): Promise<Array<{files: WeightFiles; parameters: LlamaParameter[]}>> {
  const own = llamaParameters(config);
  const extra = maplParameters(config);
  const tied = config.tie_word_embeddings ? ['lm_head.weight'] : [];
  const whole = wholeParameters(config).map(({tensor}) => tensor);
  const files = await WeightFiles.open(folder);
  const weights = [{files, parameters: own}];
  try {
    checkTensors(
      files,
      own,
      folder.label,
      (name) => [...tied, ...whole].includes(name) || isBuffer(name),
    );
    if (extra.length > 0) {
      const boundaries = await WeightFiles.open(folder, MAPL_FILE);
      weights.push({files: boundaries, parameters: extra});
      checkTensors(boundaries, extra, folder.pathOf(MAPL_FILE), () => false);
    }
    return weights;
  } catch (error) {
    await Promise.all(weights.map((opened) => opened.files.close()));
    throw error;
  }
}

/** The parsed `config.json`, of a LLaMA for certain. */
export async function readConfig(folder: Folder): Promise<Record<string, unknown>> {
  const path = folder.pathOf('config.json');
  const json = await folder.text('config.json');
  if (json == null) {
    throw new Error(
      `${path} does not exist, expected a Hugging Face folder with config.json and model.safetensors.`,
    );
  }
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(json) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}.`);
  }
  const architectures = config?.architectures as string[] | null | undefined;
  if (config?.model_type !== 'llama') {
    throw new Error(
      `${path} is the config of a model of type ${JSON.stringify(config?.model_type ?? null)}, expected "llama".`,
    );
  }
  if (architectures != null && !architectures.includes('LlamaForCausalLM')) {
    throw new Error(
      `${path} is the config of a ${architectures.join(', ')}, expected LlamaForCausalLM.`,
    );
  }
  return config;
}

/** Every tensor there, with its shape and a dtype we read, and none that the model has no place for. */
function checkTensors(
  files: WeightFiles,
  expected: LlamaParameter[],
  where: string,
  mayBeLeft: (name: string) => boolean,
): void {
  const missing = expected.filter(({tensor}) => files.reader(tensor) == null);
  if (missing.length > 0) {
    throw new Error(
      `${where}: ${missing.length} of ${expected.length} tensors are missing: ${some(missing.map((p) => p.tensor))}.`,
    );
  }
  const known = new Set(expected.map(({tensor}) => tensor));
  const left = files.names().filter((name) => !known.has(name) && !mayBeLeft(name));
  if (left.length > 0) {
    throw new Error(
      `${where}: ${left.length} tensors are unexpected: ${some(left)}: does config.json belong to these weights?`,
    );
  }
  for (const {tensor, shape, transposed} of expected) {
    const reader = files.reader(tensor);
    const entry = reader?.entry(tensor);
    const want = transposed ? [...shape].reverse() : shape;
    if (entry == null || want.join() !== entry.shape.join()) {
      throw new Error(
        `${reader?.label}: tensor '${tensor}' has shape [${entry?.shape.join(', ')}], expected [${want.join(', ')}] by config.json.`,
      );
    }
    if (!['F32', 'F16', 'BF16'].includes(entry.dtype)) {
      throw new Error(
        `${reader?.label}: tensor '${tensor}' has dtype ${entry.dtype}, expected F32, F16 or BF16.`,
      );
    }
  }
}

async function fill(
  model: tfl.LayersModel,
  files: WeightFiles,
  parameters: LlamaParameter[],
): Promise<void> {
  const weights = new Map(model.weights.map((weight) => [weight.originalName, weight]));
  for (const {weight: name, tensor, shape, transposed} of parameters) {
    const weight = weights.get(name);
    const reader = files.reader(tensor);
    if (weight == null || reader == null) {
      throw new Error(`loadLlama: the model has no weight '${name}'.`);
    }
    const values = await reader.float32(tensor);
    writeWeight(weight, transposed ? transpose(values, shape[1], shape[0]) : values);
  }
}

/** Tables that old checkpoints carry along; they follow from the config. */
function isBuffer(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}

function some(names: string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')}, …`;
}
