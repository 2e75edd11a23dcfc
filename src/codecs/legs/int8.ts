/** Eight bits a value and one scale a token. */
import {BlockQuantiser} from '../block_quantiser.js';
import type {LegCodec} from '../leg.js';
import {LegOptions} from '../leg_options.js';
import {lossyLeg} from './lossy_leg.js';

/**
 * `width + 2` bytes a token: whole numbers −127 … 127 times a scale in bfloat16, the token's largest absolute value over 127.
 *
 * Options: `stochastic` (false) rounds by chance, without bias; `errorFeedback` (false) adds what a microbatch lost to that of the
 * same position in the next step. Both are meant for gradients (DirectQ of the AQ-SGD paper, arXiv 2206.01299, is the former alone).
 */
export const int8LegCodec: LegCodec = {
  name: 'int8',
  version: 1,
  create(options) {
    const read = new LegOptions('int8', options);
    const stochastic = read.flag('stochastic', false);
    const errorFeedback = read.flag('errorFeedback', false);
    read.done();
    const format = new BlockQuantiser({
      codec: 'int8',
      bits: 8,
      blocks: (width) => [width],
      rotate: false,
    });
    return lossyLeg({
      codec: 'int8',
      settings: {stochastic, errorFeedback},
      bytesPerToken: (width) => format.rowBytes(width),
      format,
      stochastic,
      errorFeedback,
    });
  },
};
