/** Residual vector quantisation as a leg codec, with codebooks that stream to the receiver. */
import {requireOptions} from '../../ops/check_options.js';
import type {LegCodec} from '../leg.js';
import {RvqLegReceiver} from './rvq_leg_receiver.js';
import {RvqLegSender} from './rvq_leg_sender.js';
import {NAME, rvqSettings, sizeFor, vectorBytes} from './rvq_options.js';

/**
 * MAPL+VQ (arXiv 2606.05484: groups, rounds, codebooks a boundary, each microbatch with a share of the codes; the rest after
 * EnCodec's practice, inferred, and a protocol of our own, method.md section 7).
 *
 * In the first `warmupSteps` (20) optimizer steps bfloat16 values cross. Then k-means makes codebooks from the last of them, and
 * what crosses are indices: `groups` (codes of width 2) times `rounds` (2) of ⌈log2 `codes`⌉ (256) bits a vector. The sender
 * learns by moving averages, once a step; both ends keep a bfloat16 copy, the only one that encodes and decodes, of which each
 * microbatch of training renews one of `slices` parts. With the codebooks of a boundary's `quantizer` as those that learn, where
 * there is one.
 *
 * `gradient`, `commitment` and `quantizeDropout` as in `residualVectorQuantizer`; `decay`, `epsilon`, `deadCodeThreshold`,
 * `kmeansIterations` too. For gradients (the backward leg) choose `scale: 'token'`.
 *
 * Bytes: the scales, if any, bfloat16; the indices `[R', n, G]`, bit-packed; and apart, under `codebook`, 16 bytes of header, the
 * slice, and the whole copy at first, after each checkpoint and whenever the two stages meet anew. `bytesPerToken` is of scales and indices: a slice belongs to a
 * microbatch, however many tokens that has.
 */
export const rvqLegCodec: LegCodec = {
  name: NAME,
  version: 1,
  create(options = {}) {
    const settings = rvqSettings(requireOptions(`leg codec '${NAME}'`, options, '{groups: 8}'));
    return {
      settings,
      warmupSteps: settings.warmupSteps,
      bytesPerToken: (width) => {
        const many = 8;
        return vectorBytes(settings, sizeFor(settings, width), many) / many;
      },
      sender: (context) => new RvqLegSender(settings, context),
      receiver: (context) => new RvqLegReceiver(settings, context),
    };
  },
};
