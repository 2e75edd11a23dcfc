/** What one batch says about the codes it chose. */
import * as tf from '@tensorflow/tfjs-core';
import {chosenCodes, codeRows, roundOf} from '../../kernels/composed/rvq_codes.js';
import '../../kernels/composed/scatter_rows.js';
import {runKernel} from '../../kernels/ensure_kernel.js';
import {ScatterRows} from '../../kernels/kernel_names.js';

/** Of one round: how often each code was chosen, `[G, K]`, and the sum of what chose it, `[G, K, w]`. */
export interface CodeStatistics {
  counts: tf.Tensor;
  sums: tf.Tensor;
}

/**
 * What each round of a quantiser quantises: `ρ₀ = z`, `ρ_i = ρ_{i−1} − c_{k_i}`.
 *
 * @param z `[n, r]`.
 * @param indices int32 `[R', n, G]`, made of the first `R'` of the codebooks.
 * @param codebooks `[R, G, K, r/G]`.
 * @returns `R'` tensors `[n, r]`.
 */
export function residuals(
  z: tf.Tensor2D,
  indices: tf.Tensor,
  codebooks: tf.Tensor4D,
): tf.Tensor2D[] {
  const result = [z];
  for (let round = 0; round + 1 < indices.shape[0]; round++) {
    const codes = chosenCodes(roundIndices(indices, round), roundOf(codebooks, round));
    result.push(tf.sub(result[round], codes));
  }
  return result;
}

/** Indices of one round, `[n, G]`. */
export function roundIndices(indices: tf.Tensor, round: number): tf.Tensor2D {
  const [, count, groups] = indices.shape as number[];
  return tf.reshape(tf.slice(indices, [round, 0, 0], [1, count, groups]), [count, groups]);
}

/**
 * Counts and sums of one round, in one pass that adds rows in their order (deterministic).
 *
 * @param residual `[n, r]`, what the round quantised.
 * @param indices int32 `[n, G]`.
 * @param codes K.
 */
export function codeStatistics(
  residual: tf.Tensor2D,
  indices: tf.Tensor2D,
  codes: number,
): CodeStatistics {
  return tf.tidy(() => {
    const [count, groups] = indices.shape;
    const width = residual.shape[1] / groups;
    const vectors = tf.reshape(residual, [count * groups, width]);
    const rows = tf.concat([vectors, tf.ones([count * groups, 1])], 1);
    const ids = codeRows(indices, codes);
    const all = runKernel<tf.Tensor>(ScatterRows, {rows, ids}, {numSegments: groups * codes});
    const size = groups * codes;
    return {
      counts: tf.reshape(tf.slice(all, [0, width], [size, 1]), [groups, codes]),
      sums: tf.reshape(tf.slice(all, [0, 0], [size, width]), [groups, codes, width]),
    };
  });
}
