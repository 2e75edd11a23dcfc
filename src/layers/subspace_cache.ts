/** The fixed subspace of a Subspace Network, once for all layers of a process. */
import * as tf from '@tensorflow/tfjs-core';
import {randomStiefel} from '../manifolds/random_stiefel.js';
import {checkInteger, checkSeed} from '../ops/check_values.js';
import {weightSeed} from './weight_seed.js';

/** A subspace of a residual stream. */
export interface SubspaceArgs {
  /** Its dimension `k`. */
  rank: number;
  /** Seed of `U`: that of the boundaries' settings. */
  seed: number;
}

/** Seed of the boundaries' projectors under a model's seed; `U` is the projector of all of them. */
export function projectorSeed(seed: number): number {
  return weightSeed(seed, 'mapl.boundaries');
}

/**
 * Standard deviation of `M` for which `M Uᵀ` has that of a whole matrix.
 *
 * @param range Of the whole matrix.
 * @param width `d`.
 */
export function subspaceRange(
  range: number,
  width: number,
  subspace: SubspaceArgs | null | undefined,
): number {
  return subspace == null ? range : range * Math.sqrt(width / subspace.rank);
}

const caches = new Map<string, SubspaceCache>();

/**
 * `U [d, k]` with orthonormal columns: the same values that a `ProjectionBoundary` seeded with {@link projectorSeed} starts
 * with. One tensor, from the first user's `retain` to the last one's `release`. It is no weight: it follows from the seed,
 * in every stage alike.
 */
export class SubspaceCache {
  private users = 0;
  private basis: tf.Variable | null = null;

  private constructor(
    private readonly key: string,
    private readonly width: number,
    private readonly args: SubspaceArgs,
  ) {}

  /** The cache for these settings, with one more user. */
  static retain(width: number, {rank, seed}: SubspaceArgs): SubspaceCache {
    const key = `${width},${rank},${seed}`;
    const cache = caches.get(key) ?? new SubspaceCache(key, width, {rank, seed});
    caches.set(key, cache);
    if (cache.basis?.isDisposed !== false) {
      // New, or someone disposed all variables: the users of then are gone too.
      cache.users = 0;
      cache.matrix();
    }
    cache.users++;
    return cache;
  }

  /** `U`; it belongs to the cache. */
  matrix(): tf.Tensor2D {
    if (this.basis == null || this.basis.isDisposed) {
      const {rank, seed} = this.args;
      const values = randomStiefel(this.width, rank, weightSeed(projectorSeed(seed), 'projector'));
      this.basis = tf.tidy(() => tf.variable(tf.tensor2d(values, [this.width, rank]), false));
    }
    return this.basis as unknown as tf.Tensor2D;
  }

  /** Coordinates in the subspace to the whole stream: `[n, k]` → `x Uᵀ`, `[n, d]`. */
  widen(x: tf.Tensor2D): tf.Tensor2D {
    return tf.matMul(x, this.matrix(), false, true);
  }

  /** One user less; the last one takes the matrix along. */
  release(): void {
    this.users--;
    if (this.users <= 0) {
      if (this.basis != null && !this.basis.isDisposed) {
        this.basis.dispose();
      }
      caches.delete(this.key);
    }
  }
}

/** Throws unless `subspace` is missing, or one of a stream of width `d`. */
export function checkSubspace(where: string, subspace: unknown, d: number): void {
  if (subspace == null) return;
  const {rank, seed} = subspace as Partial<SubspaceArgs>;
  checkInteger(where, 'rank of subspace', rank as number, 1, d);
  checkSeed(where, seed as number, 'seed of subspace');
}
