/** What can be chosen on the page, and the model that follows from it. */
import type {LlamaConfig} from 'tfjs-mapl';

/** How text becomes ids, see `vocabulary.ts`. */
export type VocabularyName = 'subwords' | 'bytes';

/** A run's settings. They are stored with it: a resumed run goes on with its own, whatever the form says. */
export interface Settings {
  size: keyof typeof SIZES;
  /** Pipeline stages; a boundary lies between each two. */
  stages: number;
  /** Width of the activations over the rank of the projectors. */
  compression: number;
  vocabulary: VocabularyName;
  /** Tokens of a sequence. */
  context: number;
  /** Sequences of a step. */
  batchSize: number;
  /** Of the hidden matrices; the others follow from it as in the paper. */
  learningRate: number;
  seed: number;
}

/** Sizes of models, with the shape of their blocks. */
export const SIZES = {
  tiny: {label: 'Tiny: width 64, 4 layers', hidden: 64, layers: 4, heads: 4, feedForward: 176},
  small: {label: 'Small: width 128, 4 layers', hidden: 128, layers: 4, heads: 4, feedForward: 352},
  medium: {
    label: 'Medium: width 256, 8 layers',
    hidden: 256,
    layers: 8,
    heads: 8,
    feedForward: 704,
  },
  large: {
    label: 'Large: width 512, 8 layers',
    hidden: 512,
    layers: 8,
    heads: 8,
    feedForward: 1408,
  },
} as const;

/** What the form starts with. */
export const DEFAULTS: Settings = {
  size: 'small',
  stages: 4,
  compression: 4,
  vocabulary: 'subwords',
  context: 64,
  batchSize: 8,
  learningRate: 0.02,
  seed: 1,
};

/** The choices of each list in the form; everything else in {@link Settings} is a number to type. */
export const CHOICES = {
  stages: [1, 2, 4],
  compression: [2, 4, 8],
  context: [32, 64, 128, 256],
  batchSize: [2, 4, 8, 16, 32],
} as const;

/**
 * Settings as they may be used, from a form or from a browser's storage, which others may have written to.
 *
 * @throws Error that names the setting, its value and what was expected.
 */
export function checkSettings(given: Partial<Settings>): Settings {
  const settings = {...DEFAULTS, ...given};
  const refuse = (name: string, value: unknown, expected: string) => {
    throw new Error(`${name} is ${JSON.stringify(value)}; expected ${expected}.`);
  };
  if (!Object.hasOwn(SIZES, settings.size)) {
    refuse('Size', settings.size, `one of ${Object.keys(SIZES).join(', ')}`);
  }
  if (!['subwords', 'bytes'].includes(settings.vocabulary)) {
    refuse('Tokens', settings.vocabulary, 'subwords or bytes');
  }
  for (const name of Object.keys(CHOICES) as Array<keyof typeof CHOICES>) {
    const choices: readonly number[] = CHOICES[name];
    if (!choices.includes(settings[name])) {
      refuse(name, settings[name], `one of ${choices.join(', ')}`);
    }
  }
  const {learningRate, seed} = settings;
  if (!(learningRate > 0 && learningRate <= 1)) {
    refuse('Learning rate', learningRate, 'a number above 0, at most 1');
  }
  if (!Number.isSafeInteger(seed)) refuse('Seed', seed, 'a whole number');
  return settings;
}

/** Rank of the projectors. */
export function rankOf({size, compression}: Settings): number {
  return SIZES[size].hidden / compression;
}

/** The model in Hugging Face's terms. */
export function llamaConfig(settings: Settings, vocabSize: number): LlamaConfig {
  const {hidden, layers, heads, feedForward} = SIZES[settings.size];
  return {
    vocab_size: vocabSize,
    hidden_size: hidden,
    intermediate_size: feedForward,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    max_position_embeddings: settings.context,
    seed: settings.seed,
    ...(settings.stages > 1 ? {mapl: {stages: settings.stages, rank: rankOf(settings)}} : {}),
  };
}
