/** Draws a token from logits, the same one for the same seed everywhere. */
import {checkOptions} from '../../ops/check_options.js';
import {checkInteger} from '../../ops/check_values.js';
import {seededUniform} from '../../manifolds/seeded_normal.js';

/** How the next token is chosen. */
export interface SamplerOptions {
  /** Divides the logits; 0 takes the most likely token always. Default 1. */
  temperature?: number;
  /** Keeps only the k most likely tokens. Default: all. */
  topK?: number;
  /** Keeps the fewest most likely tokens with together at least this probability. Default 1: all. */
  topP?: number;
  /** Seed of the draws. Default 0. */
  seed?: number;
}

/** The keys above, and those of `generate`, which hands its options on. */
const KEYS = ['temperature', 'topK', 'topP', 'seed', 'maxTokens', 'stopIds'];

/**
 * A function from the logits of one position to a token id. Equal logits are taken in the order of their ids.
 *
 * @throws On options out of range, at once; on logits that are not numbers, when called.
 */
export function sampler(options: SamplerOptions = {}): (logits: ArrayLike<number>) => number {
  checkOptions('generate, options', options, '{temperature: 0.8, topK: 40, seed: 1}', KEYS);
  const {temperature = 1, topK, topP = 1, seed = 0} = options;
  if (!(temperature >= 0 && Number.isFinite(temperature))) {
    throw new Error(`generate: temperature is ${temperature}, expected 0 (greedy) or more.`);
  }
  if (topK !== undefined) checkInteger('generate', 'topK', topK, 1);
  if (!(topP > 0 && topP <= 1)) {
    throw new Error(`generate: topP is ${topP}, expected more than 0 and at most 1.`);
  }
  const uniform = seededUniform(seed);
  return (logits) => {
    for (let id = 0; id < logits.length; id++) {
      if (Number.isNaN(logits[id])) {
        throw new Error(
          `generate: the logit of token ${id} is NaN: the model's weights are damaged.`,
        );
      }
    }
    const ids = Array.from({length: logits.length}, (_, id) => id);
    ids.sort((a, b) => logits[b] - logits[a] || a - b);
    if (temperature === 0) {
      return ids[0];
    }
    const kept = ids.slice(0, topK ?? ids.length);
    const weights = kept.map((id) => Math.exp((logits[id] - logits[ids[0]]) / temperature));
    const total = weights.reduce((sum, w) => sum + w, 0);
    let mass = 0;
    let count = 0;
    while (count < kept.length && (count === 0 || mass < topP * total)) {
      mass += weights[count++];
    }
    let left = uniform() * mass;
    for (let i = 0; i < count; i++) {
      left -= weights[i];
      if (left < 0) {
        return kept[i];
      }
    }
    return kept[count - 1];
  };
}
