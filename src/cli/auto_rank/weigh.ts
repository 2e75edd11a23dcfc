import type {LegSpec} from '../../codecs/leg.js';
import {energyAtRank} from '../../diagnostics/spectrum.js';
import type {Candidate} from './candidates.js';
import type {Weighed} from './choose.js';
import {codecError} from './codec_error.js';
import {stepCost, type RunShape} from './step_costs.js';

/** Methods whose encoders are no projections of the activations that a model without them has. */
const OWN_ENERGY = /^(ssn|resbm)$/;

/**
 * What candidates cost over a link, and what they keep of the energy of activations.
 *
 * @param run The run as far as its time depends on it.
 * @param spectrum Energy along each principal direction of the activations, descending, sum 1.
 */
export async function weigh(
  list: readonly Candidate[],
  run: RunShape,
  spectrum: Float64Array,
): Promise<Weighed[]> {
  const errors = new Map<string, number>();
  const lossOf = async (spec: LegSpec, width: number) => {
    const key = JSON.stringify([spec, width]);
    const error = errors.get(key) ?? (await codecError(spec, spectrum.subarray(0, width)));
    errors.set(key, error);
    return error;
  };
  const weighed: Weighed[] = [];
  for (const candidate of list) {
    const {width, forward} = candidate.crossed;
    const codecLoss = await lossOf(forward, width);
    const kept = Math.max(0, energyAtRank(spectrum, width) * (1 - codecLoss));
    const known = !OWN_ENERGY.test(candidate.compression.method);
    const cost = stepCost(run, candidate.crossed);
    weighed.push({candidate, cost, codecLoss, kept: known ? kept : null});
  }
  return weighed;
}
