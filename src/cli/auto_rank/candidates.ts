import type {LegSpec} from '../../codecs/leg.js';
import {methodPlan} from '../../codecs/methods/index.js';
import type {RunConfig} from '../config/schema.js';
import {stageCount} from '../config/check_config.js';
import type {Crossed} from './step_costs.js';

/** A setting to weigh. */
export interface Candidate {
  /** What to set in the `compression` section. */
  compression: {method: string; rank?: number; forward?: LegSpec; backward?: LegSpec};
  /** Name in the table, such as `mapl, rank 32, int8`. */
  label: string;
  crossed: Crossed;
}

/** Gradients in eight bits, without bias: as the method `int8` has them. */
const INT8_GRADIENTS: LegSpec = {codec: 'int8', stochastic: true, errorFeedback: true};

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

/**
 * What can be done about the bytes of a run: nothing, eight bits, or MAPL at several ranks with z in bfloat16, in eight bits,
 * or as code indices. What the user has set already, a method or the codec of a leg, is the same in all.
 *
 * @param config The run, with any rank.
 * @param given The `compression` section as the user wrote it.
 */
export function candidates(config: RunConfig, given: Record<string, unknown>): Candidate[] {
  const {hiddenSize} = config.model;
  const {forward, backward} = config.compression;
  const ranks = ranksFor(hiddenSize);
  const chosen = given.method == null ? null : config.compression.method;
  const free = chosen == null && forward == null && backward == null;
  const kinds: Array<Candidate['compression'] & {name: string}> = free
    ? [
        {name: 'mapl', method: 'mapl'},
        {name: 'mapl, int8', method: 'mapl', forward: {codec: 'int8'}, backward: INT8_GRADIENTS},
        {name: 'mapl+rvq', method: 'mapl+rvq'},
      ]
    : [{name: chosen ?? 'mapl', method: chosen ?? 'mapl'}];
  const ranked = kinds.flatMap(({name, ...compression}) =>
    ranks.map((rank) => ({label: `${name}, rank ${rank}`, compression: {...compression, rank}})),
  );
  const plain = free
    ? [
        {label: 'none', compression: {method: 'none'}},
        {label: 'int8', compression: {method: 'int8'}},
      ]
    : [];
  return [...plain, ...ranked].map((setting) => ({...setting, crossed: crossed(config, setting)}));
}

function crossed(config: RunConfig, {compression}: Pick<Candidate, 'compression'>): Crossed {
  const {model, pipeline} = config;
  const plan = methodPlan(
    {...config.compression, ...compression},
    {stages: stageCount(config), hiddenSize: model.hiddenSize, wire: pipeline.wire},
  );
  const {model: boundary, forward, backward} = plan;
  if (compression.rank != null && boundary == null) {
    throw new Error(
      `compression.method is '${compression.method}', which has no rank to choose: leave out --auto-rank, ` +
        'or name a method with one, such as mapl.',
    );
  }
  return {
    width: boundary?.rank ?? model.hiddenSize,
    forward,
    backward,
    ids: boundary != null && boundary.anchors !== 'none',
    projector: boundary != null && (boundary.projector ?? 'learned') !== 'fixed',
  };
}
