/** Sums of activations by token id. */
import * as tf from '@tensorflow/tfjs-core';

/** What is known of one token. */
interface Row {
  sum: Float64Array;
  count: number;
}

/**
 * Adds up activations by the id of their token, in float64: what the best anchor of each token is made of. Rows exist only for
 * ids that occurred.
 */
export class TokenSums {
  /** Tokens added. */
  tokens = 0;
  private readonly rows = new Map<number, Row>();

  /** @param width Columns of what will be added. */
  constructor(readonly width: number) {}

  /**
   * Adds a batch.
   *
   * @param x float32 `[..., width]`.
   * @param ids The token of each row, as many as rows.
   * @throws Error on different numbers of them.
   */
  async add(x: tf.Tensor, ids: ArrayLike<number>): Promise<void> {
    const values = await x.data();
    if (values.length !== ids.length * this.width) {
      throw new Error(
        `TokenSums.add: x has shape [${x.shape}] and there are ${ids.length} ids, expected one row of ` +
          `${this.width} for each id.`,
      );
    }
    for (let i = 0; i < ids.length; i++) {
      let row = this.rows.get(ids[i]);
      if (row == null) {
        row = {sum: new Float64Array(this.width), count: 0};
        this.rows.set(ids[i], row);
      }
      row.count++;
      const from = i * this.width;
      for (let j = 0; j < this.width; j++) row.sum[j] += values[from + j];
    }
    this.tokens += ids.length;
  }

  /** Ids that occurred, ascending. */
  get ids(): number[] {
    return [...this.rows.keys()].sort((a, b) => a - b);
  }

  /** How often an id occurred. */
  count(id: number): number {
    return this.rows.get(id)?.count ?? 0;
  }

  /** Sums of the given ids, float32 `[ids, width]`; zeros where an id did not occur. */
  sumsOf(ids: readonly number[]): tf.Tensor2D {
    return this.matrix(ids, ({sum}, j) => sum[j]);
  }

  /**
   * Means of the given ids, drawn to the mean of all tokens as if that had been seen `ridge` times more (ridge regression): a
   * token that was seen once does not get its own activation for an anchor, and one that was never seen gets the mean.
   *
   * @param ridge 0 or more.
   * @returns float32 `[ids, width]`.
   */
  meansOf(ids: readonly number[], ridge: number): tf.Tensor2D {
    const overall = new Float64Array(this.width);
    for (const {sum} of this.rows.values()) {
      for (let j = 0; j < this.width; j++) overall[j] += sum[j] / Math.max(1, this.tokens);
    }
    return this.matrix(ids, ({sum, count}, j) =>
      count + ridge === 0 ? overall[j] : (sum[j] + ridge * overall[j]) / (count + ridge),
    );
  }

  private matrix(ids: readonly number[], value: (row: Row, j: number) => number): tf.Tensor2D {
    const {width} = this;
    const none: Row = {sum: new Float64Array(width), count: 0};
    const values = new Float32Array(ids.length * width);
    ids.forEach((id, i) => {
      const row = this.rows.get(id) ?? none;
      for (let j = 0; j < width; j++) values[i * width + j] = value(row, j);
    });
    return tf.tensor2d(values, [ids.length, width]);
  }
}
