/** One factor a token, so that codes need not follow the size of gradients. */
import * as tf from '@tensorflow/tfjs-core';
import {bfloat16Codec} from '../bfloat16.js';

/** Scales of some vectors: as they cross, and as both ends use them. */
export interface TokenScales {
  bytes: Uint8Array;
  /** `[n, 1]`; the caller frees it. */
  factors: tf.Tensor2D;
}

/** Root mean squares of the rows of `z [n, r]` in bfloat16; 1 where a row is zero, or too small for bfloat16. */
export async function scalesOf(z: tf.Tensor2D): Promise<TokenScales> {
  // By the largest entry first: the squares of small gradients would leave the range of float32.
  const norms = tf.tidy(() => {
    const largest = tf.max(tf.abs(z), 1, true);
    const divisor = tf.where(tf.greater(largest, 0), largest, tf.onesLike(largest));
    return tf.mul(tf.sqrt(tf.mean(tf.square(tf.div(z, divisor)), 1, true)), largest);
  });
  const values = (await norms.data()) as Float32Array;
  norms.dispose();
  const usable = values.map((value) => (value > SMALLEST && value < LARGEST ? value : 1));
  const bytes = bfloat16Codec.pack(usable, [usable.length]);
  return {bytes, factors: factorsOf(bytes, usable.length)};
}

/** The factors that `bytes` are, for `count` tokens. Throws if there is one that no sender makes. */
export function factorsOf(bytes: Uint8Array, count: number): tf.Tensor2D {
  const values = bfloat16Codec.unpack(bytes, [count]);
  const wrong = values.find((value) => !(value > 0 && value < Infinity));
  if (wrong !== undefined) {
    throw new Error(`a scale of ${wrong}, expected a positive number`);
  }
  return tf.tensor2d(values, [count, 1]);
}

/** Normal numbers with room for rounding. */
const SMALLEST = 2 ** -125;
const LARGEST = 2 ** 126;
