/** Second moments of activations, whole and less what each token has for an anchor. */
import * as tf from '@tensorflow/tfjs-core';
import {GramAccumulator} from './gram_accumulator.js';
import {TokenSums} from './token_sums.js';

/**
 * `Σ xᵀx` and the sums by token, from which follows the Gram matrix of `x − a(token)` for any anchors `a`, without another
 * pass over the text.
 */
export class ActivationStatistics {
  readonly sums: TokenSums;
  private readonly accumulator: GramAccumulator;

  /** @param width Columns `d` of the activations. */
  constructor(readonly width: number) {
    this.sums = new TokenSums(width);
    this.accumulator = new GramAccumulator(width);
  }

  /** The Gram matrix `[d, d]` of all activations. */
  get gram(): Float64Array {
    return this.accumulator.values;
  }

  /**
   * Adds a batch.
   *
   * @param x float32 `[..., d]`.
   * @param ids int32, one id a row of `x`.
   */
  async add(x: tf.Tensor, ids: tf.Tensor): Promise<void> {
    this.accumulator.add(x);
    await this.accumulator.settle();
    await this.sums.add(x, await ids.data());
  }

  /**
   * The Gram matrix of `x − a`: `Σ xᵀx − Σ (sᵀa + aᵀs) + Σ n aᵀa` over tokens with sum `s`, count `n` and anchor `a`.
   *
   * @param anchors `[ids, d]`: the anchor of each id in `sums.ids`.
   * @returns `[d, d]`, float64; the products are float32.
   */
  async gramLess(anchors: tf.Tensor2D): Promise<Float64Array> {
    const cross = tf.tidy(() => tf.matMul(this.sums.sumsOf(this.sums.ids), anchors, true, false));
    const [values, squares] = [await cross.data(), await this.gramOf(anchors)];
    cross.dispose();
    const {width: d, gram} = this;
    const result = new Float64Array(d * d);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const at = i * d + j;
        result[at] = gram[at] - values[at] - values[j * d + i] + squares[at];
      }
    }
    return result;
  }

  /**
   * `Σ n aᵀa`: the Gram matrix of rows that each token has as often as it occurred.
   *
   * @param rows `[ids, d]`, one for each id in `sums.ids`.
   */
  async gramOf(rows: tf.Tensor2D): Promise<Float64Array> {
    const product = tf.tidy(() => {
      const roots = this.sums.ids.map((id) => Math.sqrt(this.sums.count(id)));
      const weighted = tf.mul(rows, tf.tensor2d(roots, [roots.length, 1]));
      return tf.matMul(weighted, weighted, true, false);
    });
    const values = await product.data();
    product.dispose();
    return Float64Array.from(values);
  }
}
