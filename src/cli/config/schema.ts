import {z} from 'zod';
import {parseLink} from '../auto_rank/link_speed.js';
import type {LegSpec} from '../../codecs/leg.js';
import {getMethod, methodNames, parseLegSpec} from '../../codecs/methods/index.js';

/** A whole number of at least `least`. */
const count = (least = 1) => z.int().min(least);
/** A number above zero. */
const positive = () => z.number().positive();
/** A share of a whole. */
const share = () => z.number().min(0).max(1);

const model = z.strictObject({
  hiddenSize: count().default(128).describe('width d of the model'),
  intermediateSize: count().default(352).describe('width of the feed-forward layers'),
  layers: count().default(4).describe('transformer blocks'),
  heads: count().default(4).describe('attention heads'),
  keyValueHeads: count()
    .nullable()
    .default(null)
    .describe('heads of keys and values (null: as many as heads)'),
  maxContext: count().default(128).describe('longest sequence the model takes'),
  ropeTheta: positive().default(10000).describe('base of the rotary position angles'),
  normEpsilon: positive().default(1e-5).describe('epsilon of RMSNorm'),
  tieEmbeddings: z.boolean().default(false).describe('use the embedding as output head too'),
  embeddingRange: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe(
      'standard deviation of the new token embedding (null: 0.5, or 0.02 where the head is tied to it)',
    ),
  initialModel: z
    .string()
    .nullable()
    .default(null)
    .describe('Hugging Face folder or checkpoint to start from (null: random weights)'),
  boundaryStart: z
    .enum(['pca', 'random'])
    .default('pca')
    .describe('boundaries that initialModel has not: fitted to its activations, or random'),
});

const pipeline = z.strictObject({
  stages: z
    .union([count(), z.array(z.string()).min(1)])
    .default(4)
    .describe('number of stages, or names of the layers that begin stages 2, 3, …'),
  processes: count()
    .nullable()
    .default(null)
    .describe('operating system processes: one a stage (null), or 1 for all in this one'),
  schedule: z.enum(['1f1b', 'gpipe']).default('1f1b').describe('order of forwards and backwards'),
  microbatches: count().default(4).describe('pieces a batch is cut into'),
  recompute: z
    .boolean()
    .default(false)
    .describe('keep only inputs of a microbatch and run its forward again for the backward'),
  activationStorage: z
    .enum(['float32', 'float16'])
    .default('float32')
    .describe('number format in which blocks keep activations for the backward pass'),
  wire: z
    .enum(['bfloat16', 'float32'])
    .default('bfloat16')
    .describe('number format of what crosses between stages'),
});

/** Passes on the message of what throws. */
const check = <T, R>(value: T, context: z.RefinementCtx, make: (value: T) => R): R => {
  try {
    return make(value);
  } catch (error) {
    context.addIssue({code: 'custom', message: (error as Error).message});
    return z.NEVER;
  }
};
/** A codec of a leg: a word such as `rvq:groups=8`, or `{codec: 'rvq', groups: 8}`. */
const leg = () =>
  z
    .union([z.string(), z.looseObject({codec: z.string().min(1)})], {
      error: 'expected the name of a codec, name:key=value,… or {codec: name, …}',
    })
    .transform((value, context): LegSpec =>
      typeof value === 'string' ? check(value, context, parseLegSpec) : value,
    )
    .nullable()
    .default(null);

const compression = z.strictObject({
  method: z
    .string()
    .transform((name, context) => check(name, context, (known) => getMethod(known).name))
    .default('mapl')
    .describe(`what is done about the bytes between stages (${methodNames().join(', ')})`),
  rank: count().default(32).describe('numbers a token that cross a boundary (r)'),
  anchorRank: count()
    .nullable()
    .default(null)
    .describe('width of the anchor tables (null: the rank)'),
  anchors: z
    .enum(['factorised', 'full', 'static', 'none'])
    .nullable()
    .default(null)
    .describe("corrections for tokens (null: the method's)"),
  projector: z
    .enum(['learned', 'fixed', 'unconstrained'])
    .nullable()
    .default(null)
    .describe("how projectors are trained (null: the method's)"),
  anchorStart: z
    .enum(['zeros', 'embedding'])
    .nullable()
    .default(null)
    .describe('where anchor tables start (null: embedding)'),
  offsetRange: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe('standard deviation of static offsets (ssn, static anchors; null: 1)'),
  forward: leg().describe(
    "codec of activations, e.g. int8 or rvq:groups=8,codes=256 (null: the method's)",
  ),
  backward: leg().describe("codec of gradients (null: the method's)"),
});

const training = z.strictObject({
  steps: count().default(600).describe('optimizer steps'),
  batchSize: count().default(32).describe('sequences a step'),
  context: count().default(128).describe('tokens a sequence'),
  seed: count(0).default(0).describe('seed of weights and of the order of the data'),
  muonLearningRate: positive().default(0.02).describe('rate of Muon (hidden matrices)'),
  adamwLearningRate: positive().default(0.01).describe('rate of AdamW (everything else)'),
  embeddingLearningRate: positive()
    .nullable()
    .default(null)
    .describe(
      "rate of the token embedding (null: AdamW's, 4 times it where a new model's head is not tied to it)",
    ),
  anchorLearningRate: positive()
    .nullable()
    .default(null)
    .describe("rate of the anchor tables (null: AdamW's, 8 times it in a new model)"),
  projectorLearningRate: positive()
    .default(0.002)
    .describe('rate of projectors (SPEL; Muon if unconstrained)'),
  weightDecay: z.number().min(0).default(0).describe('decoupled weight decay'),
  warmup: share().default(0.05).describe('share of the steps that warm up'),
  projectorWarmup: share()
    .default(0)
    .describe('share of the steps over which the rate of projectors rises, on top of warmup'),
  decay: share().default(0.5).describe('share of the steps, at the end, that go down to zero'),
  clipNorm: z
    .number()
    .min(0)
    .default(0)
    .describe('largest gradient norm over all stages (0: none)'),
});

const data = z.strictObject({
  text: z
    .array(z.string())
    .default([])
    .describe('files, folders or patterns of your text (none: the demo text)'),
  tokenizer: z
    .string()
    .nullable()
    .default(null)
    .describe('tokenizer.json or its folder (null: the one that comes with this package)'),
  validationShare: share().default(0.05).describe('share of the text to tune on'),
  testShare: share().default(0.05).describe('share of the text to report on'),
  splitSeed: count(0).default(0).describe('seed of the split'),
});

const backend = z.strictObject({
  backend: z
    .enum(['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
    .default('auto')
    .describe('tfjs backend; auto takes the fastest that works'),
  threads: count()
    .nullable()
    .default(null)
    .describe('CPU threads a process (null: cores divided by processes)'),
});

const output = z.strictObject({
  runs: z.string().min(1).default('runs').describe('folder in which runs get theirs'),
  logEvery: count().default(10).describe('steps between lines of metrics'),
  validateEvery: count(0).default(100).describe('steps between validations (0: only at the end)'),
  validationBatches: count(0).default(8).describe('batches of a validation in between (0: all)'),
  finalBatches: count(0)
    .default(0)
    .describe('batches of the last validation and of the test (0: all), spread over the text'),
  diagnosticsEvery: count(0)
    .default(100)
    .describe('steps between measurements of the projectors (0: only at the end)'),
  checkpointEvery: count(0).default(100).describe('steps between checkpoints (0: only at the end)'),
  keepCheckpoints: count().default(2).describe('checkpoints to keep'),
});

const network = z.strictObject({
  listen: z
    .array(z.string())
    .default(['/ip4/127.0.0.1/tcp/0'])
    .describe('multiaddrs that stages listen on'),
  startTimeout: positive().default(120).describe('seconds for all stages to come up'),
  stallTimeout: positive().default(300).describe('seconds without a message before a run stops'),
  link: z
    .union(
      [z.string(), z.strictObject({mbps: positive(), delayMs: z.number().min(0).default(0)})],
      {
        error: 'expected rate and delay such as 20mbit,40ms, or {mbps, delayMs}',
      },
    )
    .transform((value, context) =>
      typeof value === 'string' ? check(value, context, parseLink) : value,
    )
    .nullable()
    .default(null)
    .describe('rate each way and delay one way between stages, e.g. 20mbit,40ms, for --auto-rank'),
});

/** Everything a run can be told, in sections; every key has a default. */
export const configSchema = z.strictObject({
  model: model.prefault({}),
  pipeline: pipeline.prefault({}),
  compression: compression.prefault({}),
  training: training.prefault({}),
  data: data.prefault({}),
  backend: backend.prefault({}),
  output: output.prefault({}),
  network: network.prefault({}),
});

/** A complete configuration. */
export type RunConfig = z.output<typeof configSchema>;

/** A configuration as users write it: any part may be missing. */
export type RunConfigInput = z.input<typeof configSchema>;

/** The sections by name, for flags, help and error messages. */
export const configSections = {
  model,
  pipeline,
  compression,
  training,
  data,
  backend,
  output,
  network,
} as const;
