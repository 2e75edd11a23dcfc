/** How the weights of a model are named and laid out in files, so that every stage can write its own. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {LlamaEmbedding} from '../layers/llama_embedding.js';
import {
  resolveLlamaConfig,
  type LlamaConfig,
  type ResolvedMapl,
} from '../models/llama/llama_config.js';
import {llamaConfigOf} from '../models/llama/llama_config_of.js';
import {llamaParameters, maplParameters} from '../models/llama/llama_parameters.js';
import {configJson, generationJson} from '../models/llama/save_llama.js';
import {rememberedConfig} from '../models/llama/source_config.js';
import {wholeParameters, wholeWeights} from '../models/llama/whole_weights.js';
import {requireOptions} from '../ops/check_options.js';
import {checkModel} from './check_arguments.js';
import type {TensorToWrite} from '../io/index.js';

/** Where a weight goes. */
export interface CheckpointParameter {
  /** Name in the model, such as `model.layers.0/self_attn.q_proj.weight`. */
  weight: string;
  /** Name in a file, such as `model.layers.0.self_attn.q_proj.weight`. */
  tensor: string;
  /** Shape in the model. */
  shape: number[];
  /** Whether the file has it transposed. */
  transposed: boolean;
  /** Set of files: `model` is what Hugging Face reads, `mapl` the boundaries. */
  file: 'model' | 'mapl';
}

/** Layout of a model's checkpoints. Made from the whole model, before a process lets go of the other stages. */
export interface CheckpointFormat {
  /** By the weight's name in the model. */
  parameters: Map<string, CheckpointParameter>;
  /** Tensors for other programs that follow from the weights, for the `model` files; see {@link wholeWeights}. */
  whole?: {
    /** Their names. */
    tensors: string[];
    /** Those that follow from the weights of a stage. */
    make(weights: readonly tfl.LayerVariable[]): Promise<TensorToWrite[]>;
  };
  /** Files written as JSON, by name; `config.json` among them. */
  json: {[file: string]: {[key: string]: unknown}};
  /** What a checkpoint's `config.json` must agree on to belong to the same model. */
  identity: {[key: string]: unknown};
}

/** Settings that do not make it another model. */
const NOT_IDENTITY = [
  ...['seed', 'initializer_range', 'embedding_initializer_range', 'hidden_act', 'rope_scaling'],
];

/**
 * The layout of a model's checkpoints: of a LLaMA a Hugging Face folder (kernels transposed, boundaries in files of their own);
 * of any other model its weights under their own names, with a `config.json` that lists their shapes.
 *
 * @param config More entries for `config.json`, such as `bos_token_id` and `eos_token_id`.
 */
export function checkpointFormat(
  model: tfl.LayersModel,
  config: Record<string, unknown> = {},
): CheckpointFormat {
  checkModel('checkpointFormat', model);
  requireOptions('checkpointFormat, config', config, '{bos_token_id: 1}');
  if (model.layers.some((layer) => layer instanceof LlamaEmbedding)) {
    const settings = llamaConfigOf(model);
    const list = [
      ...llamaParameters(settings).map((p) => ({...p, file: 'model' as const})),
      ...maplParameters(settings).map((p) => ({...p, file: 'mapl' as const})),
    ];
    const json = configJson(settings, {...rememberedConfig(model), ...config});
    return {
      parameters: new Map(list.map(({layer: _, ...p}) => [p.weight, p])),
      whole: {
        tensors: wholeParameters(settings).map(({tensor}) => tensor),
        make: (weights) => wholeWeights(settings, weights),
      },
      json: {'generation_config.json': generationJson(json), 'config.json': json},
      identity: llamaIdentity(settings as LlamaConfig, 'checkpointFormat'),
    };
  }
  const list = model.weights.map((w) => ({
    weight: w.originalName,
    tensor: w.originalName,
    shape: w.shape as number[],
    transposed: false,
    file: 'model' as const,
  }));
  const weights = Object.fromEntries(list.map(({weight, shape}) => [weight, shape]));
  const identity = {model_type: 'tfjs', weights};
  return {
    parameters: new Map(list.map((p) => [p.weight, p])),
    json: {'config.json': {...config, ...identity}},
    identity,
  };
}

/** Where a weight goes; an error if the format is another model's. */
export function parameterOf(
  format: CheckpointFormat,
  weight: tfl.LayerVariable,
): CheckpointParameter {
  const parameter = format.parameters.get(weight.originalName);
  if (parameter == null) {
    throw new Error(
      `checkpoint: the format has no weight '${weight.originalName}': make it with checkpointFormat() of the same model.`,
    );
  }
  return parameter;
}

/**
 * What a checkpoint's config differs in, in words, or null. Settings that came after the checkpoint have their defaults.
 *
 * @param where Names the config in messages.
 * @throws Error naming a setting that is impossible, or is none of this version's.
 */
export function identityDifference(
  {identity}: CheckpointFormat,
  config: {[key: string]: unknown},
  where: string,
): string | null {
  const isLlama = [identity, config].every(({model_type: type}) => type === 'llama');
  const other = isLlama ? llamaIdentity(config as unknown as LlamaConfig, where) : config;
  const key = Object.keys(identity).find(
    (k) => JSON.stringify(identity[k]) !== JSON.stringify(other[k]),
  );
  return key == null
    ? null
    : `${key} is ${JSON.stringify(other[key])}, expected ${JSON.stringify(identity[key])}`;
}

/** What makes a LLaMA the model that it is, with all defaults. */
function llamaIdentity(given: LlamaConfig, where: string): CheckpointFormat['identity'] {
  const {mapl, ...rest} = resolveLlamaConfig(given, where);
  const kept = Object.entries(rest).filter(([key]) => !NOT_IDENTITY.includes(key));
  const boundaries = mapl == null ? null : withoutSeed(mapl);
  return {model_type: 'llama', ...Object.fromEntries(kept), mapl: boundaries};
}

/** The seed counts only where it says what the weights mean: the subspace is made from it. */
function withoutSeed(settings: ResolvedMapl): Partial<ResolvedMapl> {
  const {seed: _, ...rest} = settings;
  return rest.kind === 'subspace' ? settings : rest;
}
