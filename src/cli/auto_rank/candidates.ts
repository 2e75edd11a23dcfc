import {methodPlan} from '../../codecs/methods/index.js';
import {stageCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';
import {anchorRankFor, FAMILIES, fits, type Compression, type Family} from './families.js';
import type {Crossed} from './step_costs.js';
import {withoutBoundaries} from './without_boundaries.js';

/** A setting to weigh. */
export interface Candidate {
  /** Name of its family: of each the best goes to the trials. */
  family: string;
  /** What to set in the `compression` section. */
  compression: Compression;
  /** Name in the table, such as `mapl, rank 32, anchors 64, bfloat16/int4`. */
  label: string;
  crossed: Crossed;
}

/** Fractions of the width that are tried as ranks. */
const PARTS = [3 / 4, 1 / 2, 3 / 8, 1 / 4, 3 / 16, 1 / 8, 1 / 16, 1 / 32];

/** Ranks to try for a width: whole multiples of 4 where the width allows, each once. */
export function ranksFor(hiddenSize: number): number[] {
  const ranks = PARTS.map((part) => {
    const rank = part * hiddenSize;
    return Math.max(1, rank >= 8 ? 4 * Math.round(rank / 4) : Math.round(rank));
  });
  return [...new Set(ranks.filter((rank) => rank < hiddenSize))];
}

/** Whether the user has set something. */
const isSet = (given: Record<string, unknown>, key: string) => given[key] != null;

/** Families as far as they are open: a method that the user named is the only one, codecs of legs that were named stay. */
function openFamilies(given: Record<string, unknown>, config: RunConfig): Family[] {
  if (isSet(given, 'method')) {
    checkRanked(config);
    const {method} = config.compression;
    return [{name: method, settings: [{method}], ranked: true, fromAnyModel: true}];
  }
  const legs = (['forward', 'backward'] as const).filter((key) => isSet(given, key));
  if (!legs.length) return [...FAMILIES];
  const left = FAMILIES.filter(
    ({ranked, isCodec}) => ranked && !(isCodec && isSet(given, 'forward')),
  );
  return left.map((family) => {
    const settings = family.settings.map((setting) => {
      const open = {...setting};
      legs.forEach((key) => delete open[key]);
      return open;
    });
    const distinct = new Map(settings.map((setting) => [JSON.stringify(setting), setting]));
    return {...family, settings: [...distinct.values()]};
  });
}

/**
 * What can be done about the bytes of a run: {@link FAMILIES}, at several ranks. What the user has set already, a method, the codec
 * of a leg or an option of boundaries, is the same in all; methods that have no such option are left out.
 *
 * @param config The run, with any rank.
 * @param given The `compression` section as the user wrote it.
 * @param vocabSize Size of the tokenizer's vocabulary.
 * @throws Error on a method without a rank.
 */
export function candidates(
  config: RunConfig,
  given: Record<string, unknown>,
  vocabSize: number,
): Candidate[] {
  const {hiddenSize, initialModel} = config.model;
  const named = isSet(given, 'method');
  const open = openFamilies(given, config).filter((family) => {
    return fits(family, config, vocabSize) && (initialModel === null || family.fromAnyModel);
  });
  const wide = !isSet(given, 'anchorRank') && !isSet(given, 'anchors');
  return open.flatMap(({name, settings, ranked, wideAnchors}) => {
    const ofRank = (setting: Compression) => (rank: number) => {
      const anchorRank = wide && wideAnchors ? anchorRankFor(config, vocabSize, rank) : null;
      return {...setting, rank, ...(anchorRank == null ? {} : {anchorRank})};
    };
    const all: Compression[] = ranked
      ? settings.flatMap((setting) => ranksFor(hiddenSize).map(ofRank(setting)))
      : settings.map(({method}) => withoutBoundaries(config, method).compression);
    return all.flatMap((compression) => {
      try {
        const what = crossed(config, compression);
        const label = labelOf(compression, what, ranked);
        return [{family: name, compression, label, crossed: what}];
      } catch (error) {
        if (named) throw error;
        // The configuration was checked before, so it is an option of the user's that this method has not.
        return [];
      }
    });
  });
}

/** Name of a setting: what it sets, and nothing that is as the user left it. */
function labelOf(compression: Compression, what: Crossed, ranked: boolean): string {
  const {method, anchorRank, forward, backward} = compression;
  if (!ranked) return method;
  const anchors = anchorRank == null ? '' : `, anchors ${anchorRank}`;
  const legs =
    (forward ?? backward) == null ? '' : `, ${what.forward.codec}/${what.backward.codec}`;
  return `${method}, rank ${what.width}${anchors}${legs}`;
}

function planOf(config: RunConfig, over: Partial<Compression> = {}) {
  const {compression, model, pipeline} = config;
  const context = {stages: stageCount(config), hiddenSize: model.hiddenSize, wire: pipeline.wire};
  return methodPlan({...compression, ...over}, context);
}

/** Throws unless the method of a configuration has a rank to choose. */
export function checkRanked(config: RunConfig): void {
  if (planOf(config).model != null) return;
  throw new Error(
    `compression.method is '${config.compression.method}', which has no rank to choose: leave out --auto-rank, ` +
      'or name a method with one, such as mapl.',
  );
}

function crossed(config: RunConfig, compression: Compression): Crossed {
  const {model: boundary, forward, backward} = planOf(config, compression);
  const kind = boundary == null ? null : (boundary.kind ?? 'projection');
  return {
    width: boundary?.rank ?? config.model.hiddenSize,
    forward,
    backward,
    ids: kind === 'projection' || kind === 'subspace',
    projector: kind === 'projection' && (boundary?.projector ?? 'learned') !== 'fixed',
  };
}

/** The run without compression, which all others are compared to. */
export function uncompressed(config: RunConfig): Candidate {
  const {compression} = withoutBoundaries(config);
  const what = crossed(config, compression);
  return {family: FAMILIES[0].name, compression, label: compression.method, crossed: what};
}
