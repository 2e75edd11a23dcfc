/** The Gram matrix of activations, batch by batch. */
import * as tf from '@tensorflow/tfjs-core';
import {checkInteger} from '../ops/check_values.js';
import {asRows} from './rows.js';

/** Rows that are multiplied at once: float32 sums of more would lose digits that small eigenvalues need. */
const CHUNK = 4096;

/**
 * Sums `XᵀX` over any number of batches, of any number of rows each. Products of up to 4096 rows are float32 on the backend,
 * their sum is float64. Not centred: what a projector without a bias must carry is all of it.
 *
 * ```js
 * const gram = new GramAccumulator(128);
 * for (const x of batches) { gram.add(x); await gram.settle(); }
 * const rank = rankForEnergy(spectrum(gram.values, 128), 0.99);
 * ```
 */
export class GramAccumulator {
  /** The sum `[width, width]`, row-major; complete after `settle`. */
  readonly values: Float64Array;
  /** Rows added. */
  rows = 0;
  private pending: tf.Tensor2D[] = [];

  /** @param width Columns of what will be added. */
  constructor(readonly width: number) {
    checkInteger('GramAccumulator', 'width', width, 1);
    this.values = new Float64Array(width * width);
  }

  /**
   * Adds rows. Works inside a `tf.tidy`; the products wait in tensors for `settle`.
   *
   * @param x float32 `[..., width]`.
   * @throws Error on another width.
   */
  add(x: tf.Tensor): void {
    tf.tidy(() => {
      const rows = asRows(x, 'GramAccumulator.add: x', this.width);
      const count = rows.shape[0];
      for (let from = 0; from < count; from += CHUNK) {
        const part =
          count <= CHUNK
            ? rows
            : tf.slice(rows, [from, 0], [Math.min(CHUNK, count - from), this.width]);
        this.pending.push(tf.keep(tf.matMul(part, part, true, false)));
      }
      this.rows += count;
    });
  }

  /** Reads what was added since the last call, and frees it. */
  async settle(): Promise<void> {
    const pending = this.pending;
    this.pending = [];
    for (const product of pending) {
      const values = await product.data();
      product.dispose();
      for (let i = 0; i < values.length; i++) this.values[i] += values[i];
    }
  }

  /** Frees what was not read. */
  dispose(): void {
    tf.dispose(this.pending);
    this.pending = [];
  }
}
