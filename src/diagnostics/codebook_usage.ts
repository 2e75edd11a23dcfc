/** How well the codes of residual vector quantisers are used. */
import type * as tf from '@tensorflow/tfjs-core';
import {usageOfCounts, type CodebookUsage} from '../layers/quantizer/code_usage.js';
import {requireOptions} from '../ops/check_options.js';
import {checkTensor} from '../ops/check_values.js';

export type {CodebookUsage};

/**
 * Counts which codes are chosen, over any number of batches.
 *
 * ```js
 * const counts = new CodeCounts({rounds: 2, groups: 8, codes: 256});
 * await counts.add(indices); // int32 [2, n, 8]
 * console.log(counts.usage().perplexity);
 * ```
 */
export class CodeCounts {
  /** `[R, G, K]`, row-major: how often each code was chosen. */
  readonly counts: Float64Array;

  /** @param size Codebooks `[R, G, K, r/G]`: rounds R, groups G, codes K. */
  constructor(private readonly size: {rounds: number; groups: number; codes: number}) {
    requireOptions('CodeCounts', size, 'new CodeCounts({rounds: 2, groups: 8, codes: 256})');
    for (const name of ['rounds', 'groups', 'codes'] as const) {
      const value = size[name];
      if (!Number.isInteger(value) || value < 1) {
        throw new Error(`CodeCounts: ${name} is ${value}, expected a whole number of 1 or more.`);
      }
    }
    this.counts = new Float64Array(size.rounds * size.groups * size.codes);
  }

  /**
   * Counts the choices of a batch.
   *
   * @param indices int32 `[R, n, G]`, as `rvqEncode` gives them.
   * @throws Error on another shape, and on an index that is no code.
   */
  async add(indices: tf.Tensor): Promise<void> {
    const {rounds, groups, codes} = this.size;
    const [r, n, g] = checkTensor('CodeCounts.add', 'indices', indices).shape;
    if (indices.dtype !== 'int32') {
      throw new Error(
        `CodeCounts.add: the indices have dtype ${indices.dtype}, expected int32, as of rvqEncode.`,
      );
    }
    if (indices.rank !== 3 || r !== rounds || g !== groups) {
      throw new Error(
        `CodeCounts.add: the indices have shape [${indices.shape}], expected [${rounds}, n, ${groups}].`,
      );
    }
    const values = await indices.data();
    const wrong = values.findIndex((code) => !(code >= 0 && code < codes));
    if (wrong >= 0) {
      throw new Error(
        `CodeCounts.add: index ${wrong} is ${values[wrong]}, expected a code from 0 to ${codes - 1}; ` +
          'rvqEncode gives -1 for values that are NaN or infinite.',
      );
    }
    for (let i = 0; i < values.length; i++) {
      const round = Math.floor(i / (n * groups));
      this.counts[(round * groups + (i % groups)) * codes + values[i]]++;
    }
  }

  /**
   * Use of the codebooks so far: codes that were never chosen are dead.
   *
   * @throws Error before anything was counted.
   */
  usage(): CodebookUsage {
    if (this.counts.every((count) => count === 0)) {
      throw new Error('CodeCounts.usage: nothing was counted yet.');
    }
    return usageOfCounts(this.counts, this.size);
  }
}

/**
 * Use of the codes in one batch of indices.
 *
 * @param indices int32 `[R, n, G]`.
 * @param codes K.
 */
export async function codebookUsage(indices: tf.Tensor, codes: number): Promise<CodebookUsage> {
  const [rounds, , groups] = checkTensor('codebookUsage', 'indices', indices).shape;
  if (indices.rank !== 3) {
    throw new Error(
      `codebookUsage: the indices have shape [${indices.shape}], expected [R, n, G], as of rvqEncode.`,
    );
  }
  const counts = new CodeCounts({rounds, groups, codes});
  await counts.add(indices);
  return counts.usage();
}
