/** The cosines and sines of rotary embeddings, once for all layers of equal settings. */
import * as tf from '@tensorflow/tfjs-core';
import {type RopeScaling, rotaryTables} from '../ops/rotary_tables.js';

/** What the tables depend on, but for their length. */
export interface RotarySettings {
  headDim: number;
  theta: number;
  scaling: RopeScaling | null;
}

/** `cos` and `sin`, both `[length, headDim/2]`. */
export interface RotaryPair {
  cos: tf.Tensor2D;
  sin: tf.Tensor2D;
}

const caches = new Map<string, RotaryCache>();

/**
 * Tables of the length used last. There are always two tensors, from the first user's `retain` to the last one's
 * `release`: a batch of another length replaces them, so that tensor counts stay flat. They are variables, because those
 * outlive the `tidy` that happens to make them.
 */
export class RotaryCache {
  private users = 0;
  private length = 0;
  private pair: {cos: tf.Variable; sin: tf.Variable} | null = null;

  private constructor(
    private readonly key: string,
    private readonly settings: RotarySettings,
  ) {}

  /** The cache for these settings, with one more user. Makes tables of `length` positions if there are none yet. */
  static retain(settings: RotarySettings, length: number): RotaryCache {
    const key = JSON.stringify(settings);
    const cache = caches.get(key) ?? new RotaryCache(key, settings);
    caches.set(key, cache);
    if (cache.pair == null || cache.pair.cos.isDisposed) {
      // Someone disposed all variables: the users of then are gone too.
      cache.users = 0;
      cache.tables(length);
    }
    cache.users++;
    return cache;
  }

  /** Tables for positions 0 to `length − 1`; they belong to the cache. */
  tables(length: number): RotaryPair {
    if (this.pair == null || this.length !== length || this.pair.cos.isDisposed) {
      this.drop();
      const pair = tf.tidy(() => {
        const {cos, sin} = rotaryTables({length, ...this.settings});
        return {cos: tf.variable(cos, false), sin: tf.variable(sin, false)};
      });
      this.pair = pair;
      this.length = length;
    }
    return this.pair as unknown as RotaryPair;
  }

  /** One user less; the last one takes the tables along. */
  release(): void {
    this.users--;
    if (this.users <= 0) {
      this.drop();
      caches.delete(this.key);
    }
  }

  private drop(): void {
    if (this.pair != null && !this.pair.cos.isDisposed) {
      this.pair.cos.dispose();
      this.pair.sin.dispose();
    }
    this.pair = null;
  }
}
