/** Four bits a value in groups with a scale each, behind a rotation that spreads outliers. */
import {BlockQuantiser} from '../block_quantiser.js';
import type {LegCodec} from '../leg.js';
import {LegOptions} from '../leg_options.js';
import {lossyLeg} from './lossy_leg.js';

/** A row in groups; what is left over in ever smaller powers of two, so that nothing is padded. */
export function powerOfTwoBlocks(width: number, group: number): number[] {
  const blocks: number[] = [];
  for (let rest = width; rest > 0; rest -= blocks.at(-1)!) {
    blocks.push(Math.min(group, 2 ** Math.floor(Math.log2(rest))));
  }
  return blocks;
}

/**
 * Whole numbers −7 … 7 times a scale in bfloat16 for each group of 32 or 64 values of a token: 4.5 or 4.25 bits a value.
 *
 * With `hadamard` (true) a group is first multiplied by the Hadamard matrix: an outlier that would take all levels for itself is shared
 * by the group. The idea is that of TAH-Quant (arXiv 2506.01352: tiles of 32, Hadamard where there is an outlier); to do so always, with
 * a symmetric range and 4 bits throughout, is ours. Other options: `group` (32), `stochastic` (false), `errorFeedback` (false).
 */
export const int4LegCodec: LegCodec = {
  name: 'int4',
  version: 1,
  create(options) {
    const read = new LegOptions('int4', options);
    const group = read.choice('group', 32, [16, 32, 64, 128]);
    const hadamard = read.flag('hadamard', true);
    const stochastic = read.flag('stochastic', false);
    const errorFeedback = read.flag('errorFeedback', false);
    read.done();
    const format = new BlockQuantiser({
      codec: 'int4',
      bits: 4,
      blocks: (width) => powerOfTwoBlocks(width, group),
      rotate: hadamard,
    });
    return lossyLeg({
      codec: 'int4',
      settings: {group, hadamard, stochastic, errorFeedback},
      bytesPerToken: (width) => format.rowBytes(width),
      format,
      stochastic,
      errorFeedback,
    });
  },
};
