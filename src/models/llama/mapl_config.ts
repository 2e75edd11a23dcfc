/** The `mapl` section of a LLaMA's config, checked. */
import {balancedBoundaries} from './balanced_boundaries.js';
import {text} from './config_text.js';
import type {LlamaMaplConfig, ResolvedMapl} from './llama_config.js';

const KINDS = ['projection', 'subspace', 'resbm'] as const;
const ANCHORS = ['factorised', 'full', 'static', 'none'] as const;
const PROJECTORS = ['learned', 'fixed', 'unconstrained'] as const;
const STARTS = ['zeros', 'embedding'] as const;

/** Anchors and projector of the kinds that have no choice. */
const IMPLIED = {
  projection: {},
  subspace: {anchors: 'static', projector: 'fixed'},
  resbm: {anchors: 'none', projector: 'learned'},
} as const;

const KNOWN = [
  ...['stages', 'rank', 'kind', 'anchorRank', 'anchors', 'projector', 'anchorStart'],
  ...['offsetRange', 'quantizer', 'seed', 'boundaries'],
];

/** What of the model's config the section depends on. */
export interface MaplContext {
  hidden: number;
  layers: number;
  seed: number;
  tied: boolean;
}

/**
 * Fills in defaults and checks everything.
 *
 * @param where Begins the messages, such as `llama`.
 */
export function resolveMapl(
  given: LlamaMaplConfig,
  {hidden, layers, seed, tied}: MaplContext,
  where: string,
): ResolvedMapl {
  const mapl = Object.fromEntries(
    Object.entries(given).map(([key, value]) => [camel(key), value]),
  ) as unknown as LlamaMaplConfig;
  for (const key of Object.keys(mapl)) {
    if (!KNOWN.includes(key)) {
      throw new Error(`${where}: mapl.${key} is unknown, expected one of ${KNOWN.join(', ')}.`);
    }
  }
  const between = (value: number, low: number, high: number, name: string, why: string) => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new Error(
        `${where}: mapl.${name} is ${text(value)}, expected an integer from ${low} to ${high}: ${why}.`,
      );
    }
    return value;
  };
  const one = <T extends string>(name: string, value: T, choices: readonly T[]): T => {
    if (!choices.includes(value)) {
      throw new Error(
        `${where}: mapl.${name} is ${text(value)}, expected one of ${choices.join(', ')}.`,
      );
    }
    return value;
  };
  const {stages, rank} = mapl;
  const kind = one('kind', mapl.kind ?? 'projection', KINDS);
  const implied: Partial<LlamaMaplConfig> = IMPLIED[kind];
  for (const key of ['anchors', 'projector'] as const) {
    if (implied[key] != null && mapl[key] != null && mapl[key] !== implied[key]) {
      throw new Error(
        `${where}: mapl.${key} is ${text(mapl[key])}, expected '${implied[key]}' for mapl.kind '${kind}'.`,
      );
    }
  }
  const width = `hidden_size is ${hidden}`;
  between(stages, 1, layers, 'stages', `a stage has at least one of the ${layers} layers`);
  between(rank, 1, hidden, 'rank', width);
  const anchorRank = between(mapl.anchorRank ?? rank, 1, hidden, 'anchorRank', width);
  const anchors = one('anchors', implied.anchors ?? mapl.anchors ?? 'factorised', ANCHORS);
  const projector = one('projector', implied.projector ?? mapl.projector ?? 'learned', PROJECTORS);
  const anchorStart = one('anchorStart', mapl.anchorStart ?? 'zeros', STARTS);
  if (anchorStart === 'embedding' && anchors !== 'factorised' && anchors !== 'full') {
    throw new Error(
      `${where}: mapl.anchorStart is 'embedding', but with anchors '${anchors}' there are no tables to start: leave it out.`,
    );
  }
  const offsetRange = mapl.offsetRange ?? 1;
  if (!Number.isFinite(offsetRange) || offsetRange < 0) {
    throw new Error(
      `${where}: mapl.offsetRange is ${text(mapl.offsetRange)}, expected a standard deviation of 0 or more.`,
    );
  }
  if (kind === 'subspace' && tied && stages > 1) {
    throw new Error(
      `${where}: tie_word_embeddings is true, but with mapl.kind 'subspace' the embedding is ${rank} wide and ` +
        `the head ${hidden}: untie them.`,
    );
  }
  const boundaries = mapl.boundaries ?? balancedBoundaries(layers, stages);
  const rising = boundaries.every(
    (after, i) =>
      Number.isInteger(after) && after > (boundaries[i - 1] ?? -1) && after < layers - 1,
  );
  if (boundaries.length !== stages - 1 || !rising) {
    throw new Error(
      `${where}: mapl.boundaries is ${text(boundaries)}, expected ${stages - 1} rising layer indices from 0 to ${layers - 2}.`,
    );
  }
  return {
    stages,
    rank,
    kind,
    anchorRank,
    anchors,
    projector,
    anchorStart,
    offsetRange,
    ...(mapl.quantizer == null ? {} : {quantizer: quantizerOf(mapl.quantizer)}),
    seed: mapl.seed ?? seed,
    boundaries,
  };

  function quantizerOf(quantizer: NonNullable<LlamaMaplConfig['quantizer']>) {
    const {groups, rounds, codes} = quantizer;
    between(groups, 1, rank, 'quantizer.groups', 'a group has at least one of the rank columns');
    between(rounds, 1, 255, 'quantizer.rounds', 'each quantises what the rounds before left over');
    between(codes, 1, 65536, 'quantizer.codes', 'an index has at most 16 bits');
    if (rank % groups !== 0 || kind === 'resbm') {
      throw new Error(
        `${where}: mapl.quantizer is ${text(quantizer)} for mapl.kind '${kind}' of rank ${rank}, expected groups that ` +
          `divide the rank, and kind 'projection' or 'subspace'.`,
      );
    }
    return {groups, rounds, codes};
  }
}

function camel(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
