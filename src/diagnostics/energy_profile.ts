/** How many dimensions activations need, with and without anchors. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {checkList, checkMembers} from '../ops/check_values.js';
import {ActivationStatistics} from './activation_statistics.js';
import {trace} from './gram_algebra.js';
import {energyAtRank, rankForEnergy, spectrum} from './spectrum.js';
import {TokenSums} from './token_sums.js';

/** Shares of the energy that ranks are given for. */
export const SHARES = [0.9, 0.95, 0.99] as const;

/** The spectrum of activations, in a few numbers. */
export interface EnergyProfile {
  /** Least ranks that keep 90, 95 and 99 % of the energy. */
  ranks: {share: number; rank: number}[];
  /** Energy that the best projectors of rank d/2, d/4, d/8 and d/16 keep. */
  kept: {rank: number; energy: number}[];
  /** Energy along each principal direction, descending. */
  spectrum: Float64Array;
}

/** What {@link energyProfile} finds of the activations at one place. */
export interface ActivationProfile {
  /** Width d of the activations. */
  width: number;
  /** Tokens measured on. */
  tokens: number;
  /** Of the activations as they are. */
  plain: EnergyProfile;
  /** Of the activations less the mean of their token. */
  anchored: EnergyProfile;
  /** Share of the energy that those means carry. */
  anchorShare: number;
  /** Moments of the activations measured on, for more. */
  statistics: ActivationStatistics;
}

/**
 * Measures the activations at one place of a model. The means by token (the best anchors a table could hold, with a ridge
 * towards the mean of all tokens) are made of every other batch and subtracted from the rest: means of the very activations
 * that are measured would take a rare token's activation for its anchor, and promise too much.
 *
 * @param model int32 ids `[batch, time]` → anything.
 * @param tensor The place: an output of one of the model's layers, `[batch, time, d]`.
 * @param batches int32 `[batch, time]`, at least two; they stay the caller's.
 * @throws Error on fewer than two batches.
 */
export async function energyProfile(
  model: tfl.LayersModel,
  tensor: tfl.SymbolicTensor,
  batches: readonly tf.Tensor2D[],
): Promise<ActivationProfile> {
  checkMembers('energyProfile', 'model', model, ['inputs', 'layers'], 'a model such as llama()');
  checkMembers('energyProfile', 'tensor', tensor, ['shape', 'sourceLayer'], "a layer's output");
  checkList('energyProfile', 'batches', batches, 'a list of int32 tensors [batch, time]');
  if (batches.length < 2) {
    throw new Error(
      `energyProfile: got ${batches.length} batches, expected at least 2: one for anchors, one to measure.`,
    );
  }
  // Only a view of the model's layers: it owns nothing, and is not disposed, which would count against the model.
  const front = tfl.model({inputs: model.inputs, outputs: tensor});
  const width = tensor.shape[tensor.shape.length - 1] as number;
  const anchors = new TokenSums(width);
  const statistics = new ActivationStatistics(width);
  for (const [i, ids] of batches.entries()) {
    const x = front.predict(ids) as tf.Tensor;
    try {
      if (i % 2 === 0) await anchors.add(x, await ids.data());
      else await statistics.add(x, ids);
    } finally {
      x.dispose();
    }
  }
  const means = anchors.meansOf(statistics.sums.ids, 1);
  const residual = await statistics.gramLess(means);
  means.dispose();
  const whole = trace(statistics.gram, width);
  return {
    width,
    tokens: statistics.sums.tokens,
    plain: profileOf(spectrum(statistics.gram, width)),
    anchored: profileOf(spectrum(residual, width)),
    anchorShare: whole === 0 ? 0 : 1 - trace(residual, width) / whole,
    statistics,
  };
}

function profileOf(values: Float64Array): EnergyProfile {
  const d = values.length;
  const ranks = [2, 4, 8, 16].map((by) => Math.max(1, Math.round(d / by)));
  return {
    ranks: SHARES.map((share) => ({share, rank: rankForEnergy(values, share)})),
    kept: ranks.map((rank) => ({rank, energy: energyAtRank(values, rank)})),
    spectrum: values,
  };
}
