/** What the battery of `legs_test.ts` and `pipeline/legs_test.ts` knows of each leg codec: a new codec gets a row here. */

import {rvqRows} from './rvq_rows.js';

/** One codec with some options. */
export interface LegRow {
  codec: string;
  options: Record<string, unknown>;
  /** Largest error of a value that was sent once, over the largest absolute value of its tensor. */
  error: number;
  /** The same once `settle` steps are done, where that is another; only for codecs that keep no errors back. */
  settledError?: number;
  /** Steps until bytes are as in the long run. Default 1. */
  settle?: number;
  /** Bytes of a tensor in the long run, of all packed tensors together, written out. */
  bytes: (tokens: number, width: number, sequences: number) => number;
  /** Bytes of the very first tensor, where that is another number. */
  firstBytes?: LegRow['bytes'];
  /** Whether the sending end has state. The receiving end is like it unless `receiverStateful` says otherwise. */
  stateful?: boolean;
  receiverStateful?: boolean;
  /** Whether bytes depend on the seed. */
  random?: boolean;
  /**
   * Gradient of `z` from those of `ẑ`, of one of some microbatches a step, in float64, where the codec gives it itself;
   * straight-through otherwise.
   */
  gradient?: (at: {
    z: Float32Array;
    zhat: Float32Array;
    dy: Float32Array;
    width: number;
    microbatches: number;
  }) => number[];
  /** Options that are refused, and how. */
  wrong: Array<[Record<string, unknown>, RegExp]>;
}

const quantised: LegRow['wrong'] = [
  [{stochastic: 1}, /stochastic is 1, expected true or false/],
  [{errorFeedback: 'yes'}, /errorFeedback is "yes", expected true or false/],
  [{stochastik: true}, /has no option 'stochastik'. Did you mean 'stochastic'/],
];

export const legRows: LegRow[] = [
  {
    codec: 'float32',
    options: {},
    error: 0,
    bytes: (tokens, width) => 4 * tokens * width,
    wrong: [[{bits: 8}, /'float32' has no option 'bits': it has none/]],
  },
  {
    codec: 'bfloat16',
    options: {},
    error: 2 ** -8,
    bytes: (tokens, width) => 2 * tokens * width,
    wrong: [[{bits: 8}, /'bfloat16' has no option 'bits': it has none/]],
  },
  {
    codec: 'float16',
    options: {},
    error: 2 ** -11,
    bytes: (tokens, width) => 2 * tokens * width + 2,
    wrong: [[{scaled: 'no'}, /'float16': scaled is "no", expected true or false/]],
  },
  {
    codec: 'float16',
    options: {scaled: false},
    error: 2 ** -11,
    bytes: (tokens, width) => 2 * tokens * width,
    wrong: [],
  },
  {
    codec: 'int8',
    options: {},
    error: 0.51 / 127,
    bytes: (tokens, width) => tokens * (width + 2),
    wrong: quantised,
  },
  {
    codec: 'int8',
    options: {stochastic: true, errorFeedback: true},
    error: 1.01 / 127,
    bytes: (tokens, width) => tokens * (width + 2),
    stateful: true,
    receiverStateful: false,
    random: true,
    wrong: [],
  },
  {
    codec: 'int4',
    options: {},
    // √32 times half a level of the largest rotated value, which is at most √32 times the largest value: in the worst case.
    error: Math.sqrt(32) * (0.51 / 7),
    bytes: (tokens, width) => tokens * (Math.ceil(width / 2) + 2 * blocks(width, 32)),
    wrong: [...quantised, [{group: 33}, /'int4': group is 33, expected one of 16, 32, 64, 128/]],
  },
  {
    codec: 'int4',
    options: {group: 16, hadamard: false, stochastic: true, errorFeedback: true},
    error: 1.01 / 7,
    bytes: (tokens, width) => tokens * (Math.ceil(width / 2) + 2 * blocks(width, 16)),
    stateful: true,
    receiverStateful: false,
    random: true,
    wrong: [],
  },
  {
    codec: 'top-k',
    options: {share: 0.25},
    // What is dropped is lost whole.
    error: 1,
    bytes: (tokens, width) => {
      const kept = Math.max(1, Math.round(width / 4));
      const list = Math.ceil((kept * Math.ceil(Math.log2(width))) / 8);
      return tokens * (Math.min(list, Math.ceil(width / 8)) + 2 * kept);
    },
    wrong: [
      [{share: 0}, /'top-k': share is 0, expected a number above 0 and at most 1/],
      [{share: NaN}, /'top-k': share is null, expected a number above 0/],
      [{k: 3}, /has no option 'k'/],
    ],
  },
  {
    codec: 'top-k',
    options: {share: 0.25, errorFeedback: true},
    error: 1,
    bytes: (tokens, width) => {
      const kept = Math.max(1, Math.round(width / 4));
      const list = Math.ceil((kept * Math.ceil(Math.log2(width))) / 8);
      return tokens * (Math.min(list, Math.ceil(width / 8)) + 2 * kept);
    },
    stateful: true,
    receiverStateful: false,
    wrong: [],
  },
  {
    codec: 'aq-sgd',
    options: {bits: 4},
    error: 2 ** -8,
    // One byte of visits a sequence.
    bytes: (tokens, width, sequences) => sequences + tokens * (Math.ceil(width / 2) + 2),
    firstBytes: (tokens, width, sequences) => sequences + 2 * tokens * width,
    stateful: true,
    random: true,
    wrong: [
      [{bits: 5}, /'aq-sgd': bits is 5, expected one of 2, 3, 4, 6, 8/],
      [{memoryMB: 0}, /'aq-sgd': memoryMB is 0, expected a number above 0/],
    ],
  },
  ...rvqRows,
];

/** Groups of a row, and one for each power of two that is left over. */
function blocks(width: number, group: number): number {
  let count = Math.floor(width / group);
  for (let rest = width % group; rest > 0; rest &= rest - 1) {
    count++;
  }
  return count;
}

/** Name of a row in test titles. */
export function rowName({codec, options}: LegRow): string {
  return Object.keys(options).length === 0 ? codec : `${codec} ${JSON.stringify(options)}`;
}
