/** Options of the leg codec `rvq`. */
import {closest} from 'fastest-levenshtein';
import {
  codeWidth,
  quantizerSettings,
  type CodebookSize,
  type QuantizerSettings,
} from '../../layers/quantizer/quantizer_settings.js';
import {weightSeed} from '../../layers/weight_seed.js';
import {checkInteger, refuseValue} from '../../ops/check_values.js';
import type {LegContext} from '../leg.js';
import {packedLength} from './bit_packing.js';

export const NAME = 'rvq';

/** Widest code where the number of groups is not given: with two rounds of 256 codes a byte a value, half of bfloat16's (published). */
const CODE_WIDTH = 2;

/**
 * Ours, where the layer's are EnCodec's: activations move faster than codebooks that keep 0.99 of themselves, and with one code a
 * microbatch (published, for long runs) the wire copy lags behind both. Chosen on validation text: docs/methods.md.
 */
const LEARNING = {decay: 0.9, warmupSteps: 20};
const SLICES = 16;

/** Options with their defaults filled in; both ends must have the same. */
export type RvqSettings = Omit<QuantizerSettings, 'groups' | 'seed'> & {
  /** Groups `G`; null for codes of width 2, or of the largest divisor of the width below that. */
  groups: number | null;
  /** Parts that the codebooks are sent in, one with each microbatch: 1 to `codes`, one code each (published). Default 16. */
  slices: number;
  /** `'token'` divides each vector by its root mean square, sent in bfloat16: what grows stays in reach of the codes. Default `'none'`. */
  scale: 'none' | 'token';
};

/** Checks options and fills in defaults. Throws naming the option, its value and what was expected. */
export function rvqSettings(options: Record<string, unknown> = {}): RvqSettings {
  const label = `leg codec '${NAME}'`;
  const groups = (options.groups ?? null) as number | null;
  const {seed: _seed, ...checked} = quantizerSettings(
    {...LEARNING, ...options, groups: groups ?? 1},
    0,
    label,
  );
  const slices = options.slices ?? Math.min(SLICES, checked.codes);
  checkInteger(label, 'slices', slices as number, 1, checked.codes);
  const scale = options.scale ?? 'none';
  if (scale !== 'none' && scale !== 'token') {
    refuseValue(label, 'scale', scale, 'one of none, token');
  }
  const settings = {...checked, groups, slices: slices as number, scale};
  const known = Object.keys(settings);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown != null) {
    throw new Error(
      `${label} has no option '${unknown}'. Did you mean '${closest(unknown, known)}'? ` +
        `It has: ${known.join(', ')}.`,
    );
  }
  return settings as RvqSettings;
}

/** Codebooks for vectors of that width. */
export function sizeFor({groups, rounds, codes}: RvqSettings, rank: number): CodebookSize {
  let width = Math.min(CODE_WIDTH, rank);
  while (groups == null && rank % width !== 0) {
    width--;
  }
  const count = groups ?? rank / width;
  return {rounds, groups: count, codes, width: codeWidth(rank, count, `leg codec '${NAME}'`)};
}

/** What the learner of one leg is made with. */
export function learnerSettings(
  settings: RvqSettings,
  {groups}: CodebookSize,
  context: LegContext,
): QuantizerSettings {
  return {...settings, groups, seed: legSeed(context)};
}

/** Seed of one leg of the run. */
export function legSeed({seed, boundary, direction}: LegContext): number {
  return weightSeed(seed, `legs/${boundary}/${direction}/${NAME}`);
}

/** Bytes of the indices of `tokens` vectors that use `rounds` rounds, and of their scales. */
export function vectorBytes(
  {scale}: RvqSettings,
  size: CodebookSize,
  tokens: number,
  rounds = size.rounds,
): number {
  const scales = scale === 'token' ? 2 * tokens : 0;
  return scales + packedLength(tokens * rounds * size.groups, size.codes);
}
