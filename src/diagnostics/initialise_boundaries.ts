/** Boundaries for a model that was trained without them. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {ProjectionBoundary} from '../layers/index.js';
import {writeWeight} from '../layers/layer_weight.js';
import {checkList, checkMembers, checkNumber} from '../ops/check_values.js';
import {ActivationStatistics} from './activation_statistics.js';
import {fitBoundary} from './fit_boundary.js';
import {rankForEnergy, spectrum} from './spectrum.js';
import {watchInput} from './watch_activations.js';

/** Options of {@link initialiseBoundaries}. */
export interface InitialiseBoundariesOptions {
  /**
   * Least share of the residual's energy, 0 to 1, that every projector must keep; an error names the rank that would.
   * Default 0: keep what the rank allows.
   */
  energy?: number;
  /** Times that the mean of all tokens counts in the mean of each (ridge). Default 1. */
  ridge?: number;
  /**
   * `'fit'` (default) gives anchors the basis that serves their tokens best; `'keep'` leaves the random one (published for
   * training from scratch), of which a trained model's anchors need more rank than is there.
   */
  basis?: 'fit' | 'keep';
}

/** What became of one boundary. */
export interface BoundaryStart {
  /** Name of the boundary. */
  name: string;
  /** ‖RA‖²/‖R‖² of the residual behind the sender's anchors. */
  capturedEnergy: number;
  /** 1 − ‖X − X̂‖²/‖X‖²: the share of the activation that the receiver has again, anchors included. */
  restored: number;
}

/**
 * Starts the boundaries of a trained model from its activations, so that it loses as little as the rank allows at step 0
 * (ours; the paper trains from scratch). From the front to the back, each on what those before let through:
 *
 * - the projector is the PCA of the residual `R = X − anchors` of its stage (uncentred: nothing else carries the mean);
 * - the receiver's anchors give each token what the projection loses of its mean, `(I − AAᵀ) m(t) + AAᵀ a_s(t)` with `a_s` the
 *   sender's anchors, by least squares on their basis. Means have a ridge towards the mean of all tokens, which also
 *   serves those that never came up. Tables of the first stage, which no receiver uses, stay as they are;
 * - with `basis: 'fit'` basis and projector take turns: the basis is the PCA of what the projector loses of the means, the projector
 *   then that of what such anchors leave, twice.
 *
 * Measured on a d = 128 model after 300 steps: validation loss 4.29 without boundaries, 5.54 with random starts, 4.72 with
 * `basis: 'keep'` and 4.45 with `'fit'` (four stages, rank 32).
 *
 * ```js
 * const model = llama({...config, mapl: {stages: 4, rank: 256}});
 * copyWeights(trained, model);
 * await initialiseBoundaries(model, batches);
 * ```
 *
 * Costs one forward of all batches and a few eigenvalue problems of size d for each boundary (6 s each for d = 1024). Split
 * the model afterwards: the halves of a boundary copy its projector when they are made.
 *
 * @param model A whole model, int32 ids `[batch, time]` → logits, with at least one `ProjectionBoundary`.
 * @param batches int32 ids `[batch, time]` of text such as it was trained on, a few thousand tokens or more; they stay the
 *     caller's.
 * @returns What each boundary keeps, in order.
 * @throws Error without boundaries or batches, on fewer tokens than the rank of a boundary, and where `energy` is not reached.
 */
export async function initialiseBoundaries(
  model: tfl.LayersModel,
  batches: readonly tf.Tensor2D[],
  options: InitialiseBoundariesOptions = {},
): Promise<BoundaryStart[]> {
  checkMembers('initialiseBoundaries', 'model', model, ['layers'], 'a model such as llama()');
  checkList('initialiseBoundaries', 'batches', batches, 'a list of int32 tensors [batch, time]');
  const {energy = 0, ridge = 1, basis = 'fit'} = options;
  checkOptions(energy, ridge, basis);
  const boundaries = model.layers.filter((layer) => layer instanceof ProjectionBoundary);
  if (boundaries.length === 0) {
    throw new Error(
      `initialiseBoundaries: model '${model.name}' has no ProjectionBoundary; build it with boundaries (for a ` +
        'LLaMA: llama({…, mapl: {stages, rank}})) and copy the trained weights into it first.',
    );
  }
  const tokens = batches.reduce((sum, {size}) => sum + size, 0);
  const rank = Math.max(...boundaries.map((boundary) => boundary.rank));
  if (tokens < rank) {
    throw new Error(
      `initialiseBoundaries: the batches have ${tokens} tokens, expected at least ${rank}, the rank of the boundaries.`,
    );
  }
  const starts: BoundaryStart[] = [];
  for (const boundary of boundaries) {
    const statistics = new ActivationStatistics(boundary.units as number);
    await watchInput(model, boundary, batches, (x, ids) => statistics.add(x, ids));
    const {projector, capturedEnergy, restored, residualGram} = await fitBoundary(
      boundary,
      statistics,
      {ridge, fitBasis: basis === 'fit'},
    );
    if (capturedEnergy < energy) {
      const needed = rankForEnergy(spectrum(residualGram, statistics.width), energy);
      throw new Error(
        `initialiseBoundaries: '${boundary.name}' of rank ${boundary.rank} keeps ${percent(capturedEnergy)} of the ` +
          `residual, less than energy = ${energy}: use rank ${needed}.`,
      );
    }
    writeWeight(boundary.projector, projector);
    starts.push({name: boundary.name, capturedEnergy, restored});
  }
  return starts;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function checkOptions(energy: number, ridge: number, basis: string): void {
  if (!(energy >= 0 && energy <= 1)) {
    throw new Error(`initialiseBoundaries: energy is ${energy}, expected a share from 0 to 1.`);
  }
  checkNumber('initialiseBoundaries', 'ridge', ridge);
  if (basis !== 'fit' && basis !== 'keep') {
    throw new Error(`initialiseBoundaries: basis is '${basis}', expected 'fit' or 'keep'.`);
  }
}
