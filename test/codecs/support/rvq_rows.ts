/** Rows of the leg codec `rvq` in the battery of leg codecs. */
import type {LegRow} from './leg_rows.js';
import {rotationGradient} from './rotation_gradient.js';

/** Groups of codes of width 2, or of the largest divisor of the width below that. */
const groupsOf = (width: number) => width / (width % 2 === 0 ? 2 : 1);

export const rvqRows: LegRow[] = [
  {
    codec: 'rvq',
    options: {codes: 4, rounds: 2, warmupSteps: 1},
    // The warm-up crosses in bfloat16.
    error: 2 ** -8,
    settle: 2,
    firstBytes: (tokens, width) => 2 * tokens * width,
    // Two bits an index; header, number and codes of a slice of one code.
    bytes: (tokens, width) =>
      Math.ceil((tokens * 2 * groupsOf(width) * 2) / 8) + 16 + 2 + 2 * (2 * width),
    stateful: true,
    receiverStateful: false,
    random: true,
    wrong: [
      [{groups: 0}, /'rvq': groups is 0, expected a whole number of at least 1/],
      [{codes: 0}, /'rvq': codes is 0, expected a whole number from 1 to 65536/],
      [{rounds: 1.5}, /'rvq': rounds is 1.5, expected a whole number from 1 to 255/],
      [{slices: 300}, /'rvq': slices is 300, expected a whole number from 1 to 256/],
      [{scale: 'row'}, /'rvq': scale is 'row', expected one of none, token/],
      [{gradient: 'none'}, /'rvq': gradient is 'none', expected 'straight-through' or 'rotation'/],
      [{code: 3}, /'rvq' has no option 'code'. Did you mean 'codes'/],
      [{seed: 3}, /'rvq' has no option 'seed'/],
    ],
  },
  {
    codec: 'rvq',
    options: {
      groups: 1,
      codes: 5,
      rounds: 1,
      slices: 5,
      warmupSteps: 1,
      scale: 'token',
      gradient: 'rotation',
      commitment: 0.25,
      deadCodeThreshold: 0.5,
    },
    error: 2 ** -8,
    settle: 2,
    firstBytes: (tokens, width) => 2 * tokens * width,
    bytes: (tokens, width) => 2 * tokens + Math.ceil((tokens * 3) / 8) + 16 + 2 + 2 * width,
    stateful: true,
    receiverStateful: false,
    random: true,
    // The commitment loss 0.25 · mean((z − ẑ)²) is a mean over the step.
    gradient: ({z, zhat, dy, width, microbatches}) =>
      rotationGradient(z, zhat, dy, width).map(
        (value, i) => value + ((0.25 * 2) / (microbatches * z.length)) * (z[i] - zhat[i]),
      ),
    wrong: [],
  },
];
