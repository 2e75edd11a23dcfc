/** What the leg codec `rvq` tells about its codebooks. */
import type * as tf from '@tensorflow/tfjs-core';
import {usageOfCounts} from '../../layers/quantizer/code_usage.js';
import type {CodebookLearner} from '../../layers/quantizer/codebook_learner.js';
import {valuesOf} from './wire_codebooks.js';

/**
 * - `codeUsage`: share of the codes that live (average count not below the threshold), 0 to 1;
 * - `deadCodes`: how many do not, in all codebooks;
 * - `perplexity`: e to the entropy of the average counts, averaged over the codebooks, 1 to K;
 * - `quantisationError`: ‖z − ẑ‖² / ‖z‖² of the last microbatch of training, unless it was all zeros;
 * - `staleness`: ‖C_live − C_wire‖ / ‖C_live‖, which slices and rounding leave.
 *
 * @param error Sums of squares `[‖z − ẑ‖², ‖z‖²]`; null before the first.
 */
export async function measureCodebooks(
  {weights, settings, size}: CodebookLearner,
  wire: Uint16Array | null,
  error: tf.Tensor | null,
): Promise<Record<string, number>> {
  const counts = await weights.counts.read().data();
  const {used, dead, perplexity} = usageOfCounts(counts, size, settings.deadCodeThreshold);
  const measured: Record<string, number> = {codeUsage: used, deadCodes: dead, perplexity};
  if (error != null) {
    const [difference, whole] = await error.data();
    if (whole > 0) measured.quantisationError = difference / whole;
  }
  if (wire != null) {
    const live = await weights.codebooks.read().data();
    const copy = valuesOf(wire);
    let [difference, whole] = [0, 0];
    for (let i = 0; i < copy.length; i++) {
      difference += (live[i] - copy[i]) ** 2;
      whole += live[i] ** 2;
    }
    measured.staleness = whole > 0 ? Math.sqrt(difference / whole) : 0;
  }
  return measured;
}
