/** Codebooks to begin with: k-means in every round and group. */
import * as tf from '@tensorflow/tfjs-core';
import {chosenCodes} from '../../kernels/composed/rvq_codes.js';
import {seededUniform} from '../../manifolds/seeded_normal.js';
import {rvqEncode} from '../../ops/rvq_encode.js';
import {weightSeed} from '../weight_seed.js';
import {codeStatistics, roundIndices} from './code_statistics.js';
import type {CodebookAverages} from './ema_update.js';
import type {CodebookSize} from './quantizer_settings.js';

/**
 * Codebooks `[R, G, K, w]` of `z [n, r]` by Lloyd's algorithm, from vectors of the batch as first centres (EnCodec's way of
 * starting); round `i` clusters what the rounds before left over. A centre that nothing chooses stays where it is.
 *
 * @param iterations Lloyd iterations.
 * @param seed Chooses the first centres: `K` different rows a group while there are enough, else rows repeat.
 * @returns The codebooks, how often each code is the nearest in the end, and the sums `count · code`.
 */
export function kmeansCodebooks(
  z: tf.Tensor2D,
  {rounds, groups, codes, width}: CodebookSize,
  iterations: number,
  seed: number,
): CodebookAverages {
  return tf.tidy(() => {
    const parts: Array<{centres: tf.Tensor; counts: tf.Tensor}> = [];
    let residual = z;
    for (let round = 0; round < rounds; round++) {
      const part = tf.tidy(() => {
        const rows = startingRows(z.shape[0], groups, codes, weightSeed(seed, `kmeans/${round}`));
        const vectors = tf.reshape(residual, [-1, width]);
        let centres = tf.reshape(tf.gather(vectors, rows), [1, groups, codes, width]);
        for (let i = 0; i < iterations; i++) {
          centres = tf.tidy(() => lloyd(residual, centres as tf.Tensor4D));
        }
        const indices = roundIndices(rvqEncode(residual, centres), 0);
        const books = tf.reshape(centres, [groups, codes, width]);
        const {counts} = codeStatistics(residual, indices, codes);
        return {centres, counts, rest: tf.sub(residual, chosenCodes(indices, books))};
      });
      residual = part.rest as tf.Tensor2D;
      parts.push(part);
    }
    const codebooks = tf.concat(parts.map((part) => part.centres));
    const counts = tf.stack(parts.map((part) => part.counts));
    return {codebooks, counts, sums: tf.mul(codebooks, tf.expandDims(counts, -1))};
  });
}

/** One iteration: each centre moves to the mean of the vectors that are nearest to it. */
function lloyd(residual: tf.Tensor2D, centres: tf.Tensor4D): tf.Tensor {
  const indices = roundIndices(rvqEncode(residual, centres), 0);
  const {counts, sums} = codeStatistics(residual, indices, centres.shape[2]);
  const divisor = tf.expandDims(tf.maximum(counts, 1), -1);
  const chosen = tf.expandDims(tf.greater(counts, 0), -1);
  const [, ...shape] = centres.shape;
  const moved = tf.where(chosen, tf.div(sums, divisor), tf.reshape(centres, shape));
  return tf.reshape(moved, centres.shape);
}

/** For each group `K` rows of `[n·G, w]` that belong to it. */
function startingRows(count: number, groups: number, codes: number, seed: number): tf.Tensor1D {
  const uniform = seededUniform(seed);
  const rows = new Int32Array(groups * codes);
  for (let group = 0; group < groups; group++) {
    // The first K of a Fisher–Yates shuffle; once all rows are used up, anew.
    const order = Int32Array.from({length: count}, (_, i) => i);
    for (let k = 0; k < codes; k++) {
      const at = k % count;
      const other = at + Math.floor(uniform() * (count - at));
      [order[at], order[other]] = [order[other], order[at]];
      rows[group * codes + k] = order[at] * groups + group;
    }
  }
  return tf.tensor1d(rows, 'int32');
}
