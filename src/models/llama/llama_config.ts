/** The settings of a LLaMA, with the names of Hugging Face's `config.json`, checked. */
import {requireOptions} from '../../ops/check_options.js';
import type {RopeScaling} from '../../ops/rotary_tables.js';
import {text} from './config_text.js';
import {resolveMapl} from './mapl_config.js';

/** Compression between the stages of a LLaMA. */
export interface LlamaMaplConfig {
  /** Number of pipeline stages `P`; there are `P − 1` boundaries. */
  stages: number;
  /** Rank `r` of the projectors: how many numbers a token cross a boundary. */
  rank: number;
  /**
   * What stands at a boundary. `'projection'` (default): a `ProjectionBoundary` (MAPL). `'subspace'`: Subspace Networks,
   * reparametrised: one fixed `U [d, r]` for all boundaries, and everything before the last boundary writes inside its span
   * only. `'resbm'`: a `ResidualBottleneck`, with learned encoder and decoder.
   */
  kind?: 'projection' | 'subspace' | 'resbm';
  /** Width of the anchor tables; default `rank` (published). */
  anchorRank?: number;
  /**
   * What a boundary subtracts and adds by token. `'factorised'` (default): trainable `[V, anchorRank]` times a fixed basis.
   * `'full'`: trainable `[V, d]`. `'static'`: a fixed random offset `[V, d]`, the same in all stages, that the embedding adds
   * (SSN's; that MAPL's ablation of this name adds it to the embedding too is inferred). `'none'`.
   */
  anchors?: 'factorised' | 'full' | 'static' | 'none';
  /**
   * `'learned'` on the Stiefel manifold (default), `'fixed'` at its random start, or `'unconstrained'`: learned as any
   * matrix (the recipe takes Muon, at the projectors' rate).
   */
  projector?: 'learned' | 'fixed' | 'unconstrained';
  /**
   * Start of trainable anchors: `'zeros'` (default), or `'embedding'`: the token embedding, inside the basis' span
   * (method.md section 12, row 4: the paper does not say).
   */
  anchorStart?: 'zeros' | 'embedding';
  /** Standard deviation of static offsets; default 1 (published for SSN: `F ~ N(0, 1)`). */
  offsetRange?: number;
  /** Seed of projectors, bases and offsets; default: the model's. */
  seed?: number;
  /**
   * Codebooks that quantise `z` (MAPL+VQ), of `kind` `'projection'` or `'subspace'`: `groups` divides `rank`. In a pipeline they
   * learn in the leg codec `rvq`, which must have the same numbers. Default: none.
   */
  quantizer?: {groups: number; rounds: number; codes: number};
  /** Decoder layers that end a stage, for instance `[0, 1, 2]`; default: stages of equal numbers of layers. */
  boundaries?: number[];
}

/**
 * Configuration of a LLaMA. Keys are those of Hugging Face's `LlamaConfig`; the same keys in camel case are accepted.
 * Other keys, as found in every `config.json`, are ignored.
 */
export interface LlamaConfig {
  /** Number of token ids `V`. */
  vocab_size: number;
  /** Width `d` of the residual stream. */
  hidden_size: number;
  /** Width of the feed-forward part. */
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** Key/value heads; default `num_attention_heads`, fewer is grouped-query attention. */
  num_key_value_heads?: number;
  /** Width of a head; default `hidden_size / num_attention_heads`. */
  head_dim?: number;
  /** Longest sequence; default 2048. */
  max_position_embeddings?: number;
  /** Default 1e-6. */
  rms_norm_eps?: number;
  /** Base of the rotary wavelengths; default 10000. */
  rope_theta?: number;
  /** Context extension, as before transformers 5. */
  rope_scaling?: RopeScaling | null;
  /** `rope_theta` and scaling in one, as since transformers 5; goes before the two above. */
  rope_parameters?: (RopeScaling & {rope_theta?: number}) | null;
  /** Whether the output projection is the embedding's table; default false. */
  tie_word_embeddings?: boolean;
  /** Biases in the four attention projections; default false. */
  attention_bias?: boolean;
  /** Biases in the three feed-forward projections; default false. */
  mlp_bias?: boolean;
  /** Standard deviation of initial weights; default 0.02. */
  initializer_range?: number;
  /**
   * Standard deviation of the initial token embedding alone; default `initializer_range`. Ours: no key of Hugging Face's. With
   * Muon and an untied head, 0.3 to 1 learns faster than 0.02 (measured: docs/methods.md).
   */
  embedding_initializer_range?: number;
  /** Only `silu`. */
  hidden_act?: string;
  /** Seed of initial weights; default 0. Each weight draws from its own generator, seeded by this and its name. */
  seed?: number;
  /** Boundaries with compression between stages; default none. */
  mapl?: LlamaMaplConfig;
}

/** {@link LlamaMaplConfig} with every default filled in; without `quantizer` there is none. */
export type ResolvedMapl = Required<Omit<LlamaMaplConfig, 'quantizer'>> &
  Pick<LlamaMaplConfig, 'quantizer'>;

/** {@link LlamaConfig} with every default filled in. */
export interface ResolvedLlamaConfig extends Required<
  Omit<LlamaConfig, 'rope_parameters' | 'mapl' | 'rope_scaling'>
> {
  rope_scaling: RopeScaling | null;
  mapl: ResolvedMapl | null;
}

/** A smallest config, for messages. */
const EXAMPLE =
  'llama({vocab_size: 256, hidden_size: 64, intermediate_size: 176, num_hidden_layers: 4, num_attention_heads: 4})';

/**
 * Fills in defaults and checks everything.
 *
 * @param given A config, in Hugging Face's or camel-case names.
 * @param where Begins the messages, such as `llama` or the path of a config.json.
 * @throws On a missing or impossible setting, or one that this model has no code for.
 */
export function resolveLlamaConfig(given: LlamaConfig, where = 'llama'): ResolvedLlamaConfig {
  requireOptions(where, given, EXAMPLE);
  const config = snakeKeys(given) as unknown as LlamaConfig & Record<string, unknown>;
  const whole = (key: keyof LlamaConfig, fallback?: number) => {
    const value = config[key] ?? fallback;
    if (!Number.isInteger(value) || (value as number) < 1) {
      throw new Error(`${where}: ${key} is ${text(config[key])}, expected a positive integer.`);
    }
    return value as number;
  };
  const number = (key: keyof LlamaConfig, fallback: number, least: number) => {
    const value = config[key] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least) {
      throw new Error(
        `${where}: ${key} is ${text(config[key])}, expected a number, at least ${least}.`,
      );
    }
    return value;
  };
  const flag = (key: keyof LlamaConfig) => {
    const value = config[key] ?? false;
    if (typeof value !== 'boolean') {
      throw new Error(`${where}: ${key} is ${text(value)}, expected true or false.`);
    }
    return value;
  };
  refuseUnsupported(config, where);
  const hidden = whole('hidden_size');
  const heads = whole('num_attention_heads');
  const groups = whole('num_key_value_heads', heads);
  if (config.head_dim == null && hidden % heads !== 0) {
    throw new Error(
      `${where}: hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}: change one or give head_dim.`,
    );
  }
  const headDim = whole('head_dim', hidden / heads);
  if (headDim % 2 !== 0) {
    throw new Error(
      `${where}: head_dim is ${headDim}, expected an even number for rotary embeddings.`,
    );
  }
  if (heads % groups !== 0) {
    throw new Error(
      `${where}: num_key_value_heads is ${groups}, expected a divisor of num_attention_heads = ${heads}.`,
    );
  }
  const {rope_theta: parameterTheta, ...parameters} = config.rope_parameters ?? {};
  if (parameterTheta != null) config.rope_theta = parameterTheta;
  const scaling = config.rope_parameters != null ? parameters : (config.rope_scaling ?? null);
  const layers = whole('num_hidden_layers');
  const seed = config.seed ?? 0;
  if (!Number.isSafeInteger(seed)) {
    throw new Error(`${where}: seed is ${text(seed)}, expected an integer.`);
  }
  const initializerRange = number('initializer_range', 0.02, 0);
  const type = scaling?.rope_type ?? scaling?.type ?? 'default';
  if (!['default', 'linear', 'llama3'].includes(type)) {
    const key = config.rope_parameters != null ? 'rope_parameters' : 'rope_scaling';
    throw new Error(
      `${where}: ${key}.rope_type is ${text(type)}, expected "default", "linear" or "llama3".`,
    );
  }
  return {
    vocab_size: whole('vocab_size'),
    hidden_size: hidden,
    intermediate_size: whole('intermediate_size'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: groups,
    head_dim: headDim,
    max_position_embeddings: whole('max_position_embeddings', 2048),
    rms_norm_eps: number('rms_norm_eps', 1e-6, 0),
    rope_theta: number('rope_theta', 10000, 1),
    rope_scaling: type === 'default' ? null : scaling,
    tie_word_embeddings: flag('tie_word_embeddings'),
    attention_bias: flag('attention_bias'),
    mlp_bias: flag('mlp_bias'),
    initializer_range: initializerRange,
    embedding_initializer_range: number('embedding_initializer_range', initializerRange, 0),
    hidden_act: 'silu',
    seed,
    mapl:
      config.mapl == null
        ? null
        : resolveMapl(
            config.mapl,
            {hidden, layers, seed, tied: flag('tie_word_embeddings')},
            where,
          ),
  };
}

/** Settings that would change the numbers and that this model does not implement. */
function refuseUnsupported(config: Record<string, unknown>, where: string): void {
  const only = (key: string, allowed: unknown[], why: string) => {
    if (config[key] != null && !allowed.includes(config[key])) {
      throw new Error(
        `${where}: ${key} is ${text(config[key])}, expected ${text(allowed[0])}: ${why}.`,
      );
    }
  };
  only('model_type', ['llama'], 'this is the model of LLaMA alone');
  only('hidden_act', ['silu', 'swish'], 'a LLaMA has SwiGLU');
  only('attention_dropout', [0], 'dropout is not implemented');
  only('quantization_config', [null], 'quantised weights are not supported');
  const rope = (config.rope_parameters ?? {}) as Record<string, unknown>;
  const partial = rope.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;
  if (partial !== 1) {
    throw new Error(`${where}: partial_rotary_factor is ${text(partial)}, expected 1.`);
  }
}

function snakeKeys(config: object): Record<string, unknown> {
  const entries = Object.entries(config).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
