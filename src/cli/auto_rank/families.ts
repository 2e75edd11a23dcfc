import type {LegSpec} from '../../codecs/leg.js';
import {countParameters} from '../../models/llama/count_parameters.js';
import {stageCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';
import {llamaOfConfig} from '../training/llama_of_config.js';
import {withoutBoundaries} from './without_boundaries.js';

/** What a setting puts into the `compression` section of a configuration. */
export type Compression = Partial<RunConfig['compression']> & {method: string};

/** Settings of one kind: of the same numbers sent, the more exact loses no more, and of the same codec, the wider. */
export interface Family {
  /** Name in messages. */
  name: string;
  /** Alternatives, each with its codecs; the more exact first. */
  settings: Compression[];
  /** Whether they have a rank to choose. */
  ranked: boolean;
  /** Whether its forward codec is what makes it: out where the user names another. */
  isCodec?: boolean;
  /** Whether anchor tables wider than the rank are used where there is room: they send nothing. */
  wideAnchors?: boolean;
  /** Whether each stage trains a table of tokens by width. */
  fullTables?: boolean;
  /** Whether a model that was trained without it can go on with it. */
  fromAnyModel?: boolean;
}

const INT4: LegSpec = {codec: 'int4'};

/**
 * A method with gradients in four bits and what goes forward as the wire has it, or in eight bits: in the study four bits
 * backward cost nothing that seeds do not (docs/methods.md).
 */
function onBothLegs(method: string): Compression[] {
  return [
    {method, backward: INT4},
    {method, forward: {codec: 'int8'}, backward: INT4},
  ];
}

/**
 * All that `--auto-rank` weighs where the user leaves the method open. Not in it: `fp16`, which sends as much as `none`; `aq-sgd`,
 * whose saving begins when a text is seen again; `fixed`, `mapl-no-anchors` and `mapl-unconstrained`, which are MAPL less a part.
 */
export const FAMILIES: readonly Family[] = [
  {
    name: 'full width',
    settings: ['none', 'int8', 'int4', 'top-k'].map((method) => ({method})),
    ranked: false,
    fromAnyModel: true,
  },
  {
    name: 'mapl',
    settings: onBothLegs('mapl'),
    ranked: true,
    wideAnchors: true,
    fromAnyModel: true,
  },
  {
    name: 'mapl+rvq',
    settings: [{method: 'mapl+rvq'}],
    ranked: true,
    isCodec: true,
    wideAnchors: true,
    fromAnyModel: true,
  },
  {
    name: 'mapl-static-anchors',
    settings: onBothLegs('mapl-static-anchors'),
    ranked: true,
    fromAnyModel: true,
  },
  {
    name: 'mapl-full-anchors',
    settings: onBothLegs('mapl-full-anchors'),
    ranked: true,
    fullTables: true,
    fromAnyModel: true,
  },
  // SSN's weights are other parameters: those of a model trained without it do not fit.
  {name: 'ssn', settings: onBothLegs('ssn'), ranked: true},
  {name: 'resbm', settings: onBothLegs('resbm'), ranked: true, fromAnyModel: true},
];

/**
 * Whether trained tables of a width have room: those of all stages are at most as many numbers as the model without them (ours).
 *
 * @param width Of a table `[vocabulary, width]`.
 */
function haveRoom(config: RunConfig, vocabSize: number, width: number): boolean {
  const {hiddenSize} = config.model;
  const basis = width < hiddenSize ? width * hiddenSize : 0;
  const tables = stageCount(config) * (vocabSize * width + basis);
  return tables <= countParameters(llamaOfConfig(withoutBoundaries(config), vocabSize)).total;
}

/** Whether a family's tables have room in the stages' memory. */
export function fits(family: Family, config: RunConfig, vocabSize: number): boolean {
  return !family.fullTables || haveRoom(config, vocabSize, config.model.hiddenSize);
}

/**
 * Width of the anchor tables at a rank: half the width of the model where that is more and has room (ours; in the study it is
 * what helps most, at the same bytes), else null, the rank.
 */
export function anchorRankFor(config: RunConfig, vocabSize: number, rank: number): number | null {
  const half = Math.floor(config.model.hiddenSize / 2);
  return half > rank && haveRoom(config, vocabSize, half) ? half : null;
}
