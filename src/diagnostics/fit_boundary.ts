/** The projector and anchors that restore most of some activations. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {AnchorEmbedding, ProjectionBoundary} from '../layers/index.js';
import {writeWeight} from '../layers/layer_weight.js';
import type {ActivationStatistics} from './activation_statistics.js';
import {energyInside, topDirections, trace} from './gram_algebra.js';
import {anchorRows, restoredShare} from './restored_share.js';

/** Times that basis and projector are fitted to each other; the loss moves in the third digit after the first. */
const ROUNDS = 2;
/** Ids whose anchors are computed at once. */
const CHUNK = 4096;

/** How to fit. */
export interface FitOptions {
  ridge: number;
  /** Whether the receiver's basis may be changed. */
  fitBasis: boolean;
}

/** What was fitted, and how well. */
export interface FittedBoundary {
  /** `A [d, r]`, to be written. */
  projector: Float32Array;
  capturedEnergy: number;
  restored: number;
  /** Of the residual behind the sender's anchors, `[d, d]`. */
  residualGram: Float64Array;
}

/**
 * Fits a boundary to activations; see `initialiseBoundaries`. Writes the receiver's anchors (unless they are not trained) and
 * leaves the projector to the caller.
 */
export async function fitBoundary(
  boundary: ProjectionBoundary,
  statistics: ActivationStatistics,
  {ridge, fitBasis}: FitOptions,
): Promise<FittedBoundary> {
  const {rank, receiverAnchors: receiver} = boundary;
  const {width: d, sums} = statistics;
  // Anchors that both sides share are fitted for the receiver; the projector then sees the activations.
  const sender = boundary.senderAnchors === receiver ? null : boundary.senderAnchors;
  const sent = anchorRows(sender, sums.ids, d);
  const means = sums.meansOf(sums.ids, ridge);
  const residualGram = await statistics.gramLess(sent);
  let projector = topDirections(residualGram, d, rank);
  if (receiver?.trainable) {
    if (receiver.basis == null) {
      // A table as wide as the activations carries all of the means: the projector is for the rest.
      projector = topDirections(await statistics.gramLess(means), d, rank);
    } else if (fitBasis) {
      projector = await fitTogether(receiver, statistics, {projector, means, sent});
    }
    await writeTable(receiver, sender, statistics, projector, ridge);
  }
  tf.dispose([sent, means]);
  return {
    projector,
    capturedEnergy: energyInside(residualGram, projector, d, rank) / trace(residualGram, d),
    restored: await restoredShare(statistics, boundary, projector),
    residualGram,
  };
}

/** Basis and projector in turns: each for what the other leaves. Writes the basis, gives the projector. */
async function fitTogether(
  {basis, anchorRank}: AnchorEmbedding,
  statistics: ActivationStatistics,
  start: {projector: Float32Array; means: tf.Tensor2D; sent: tf.Tensor2D},
): Promise<Float32Array> {
  const {means, sent} = start;
  const {width: d} = statistics;
  const rank = start.projector.length / d;
  const within = await statistics.gramLess(means);
  let {projector} = start;
  const fitBasis = async () => {
    const rows = lost(means, sent, projector, d);
    const columns = topDirections(await statistics.gramOf(rows), d, anchorRank);
    rows.dispose();
    const transposed = (_: number, at: number) =>
      columns[(at % d) * anchorRank + Math.floor(at / d)];
    writeWeight(basis as tfl.LayerVariable, Float32Array.from(columns, transposed));
  };
  for (let round = 0; round < ROUNDS; round++) {
    await fitBasis();
    const left = tf.tidy(() => {
      const p = basis!.read() as tf.Tensor2D;
      return tf.sub(means, tf.matMul(tf.matMul(means, p, false, true), p)) as tf.Tensor2D;
    });
    const leftGram = await statistics.gramOf(left);
    left.dispose();
    const gram = within.map((value, i) => value + leftGram[i]);
    projector = topDirections(gram, d, rank);
  }
  await fitBasis();
  return projector;
}

/** `(I − AAᵀ) m + AAᵀ a_s`: what a receiver must add for the mean of a token to arrive. */
function lost(means: tf.Tensor2D, sent: tf.Tensor2D, projector: Float32Array, d: number) {
  return tf.tidy(() => {
    const a = tf.tensor2d(projector, [d, projector.length / d]);
    const inside = tf.matMul(tf.matMul(tf.sub(sent, means), a), a, false, true);
    return tf.add(means, inside) as tf.Tensor2D;
  });
}

/** Sets the table of a receiver's anchors for all ids, by least squares on its orthonormal basis. */
async function writeTable(
  receiver: AnchorEmbedding,
  sender: AnchorEmbedding | null,
  {sums, width: d}: ActivationStatistics,
  projector: Float32Array,
  ridge: number,
): Promise<void> {
  const {vocabSize, anchorRank} = receiver;
  const table = new Float32Array(vocabSize * anchorRank);
  for (let from = 0; from < vocabSize; from += CHUNK) {
    const count = Math.min(CHUNK, vocabSize - from);
    const ids = Array.from({length: count}, (_, i) => from + i);
    const rows = tf.tidy(() => {
      const wanted = lost(sums.meansOf(ids, ridge), anchorRows(sender, ids, d), projector, d);
      const {basis} = receiver;
      return basis == null ? wanted : tf.matMul(wanted, basis.read() as tf.Tensor2D, false, true);
    });
    table.set(await rows.data(), from * anchorRank);
    rows.dispose();
  }
  writeWeight(receiver.table, table);
}
