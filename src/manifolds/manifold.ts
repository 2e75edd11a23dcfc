/** What an optimizer asks of a manifold of matrices (the interface of geoopt and pymanopt). */
import type * as tf from '@tensorflow/tfjs-core';

/** Outcome of a check: `reason` says what failed and by how much, and is undefined when `ok`. */
export interface CheckResult {
  ok: boolean;
  reason?: string;
}

/** Tolerances of a check: `|difference| ≤ atol + rtol · |expected|`, both 1e-5 unless given. */
export interface Tolerances {
  atol?: number;
  rtol?: number;
}

/**
 * A manifold embedded in matrices `[..., d, r]` with the Euclidean metric. `x` is a point, `u`, `v` tangent vectors at
 * `x`; all are float32 tensors of one shape. Checks read values back and are therefore async, all else is not.
 */
export interface Manifold {
  readonly name: string;
  /** Names that `retr` takes as `retraction`; absent where it takes any. */
  readonly retractions?: readonly string[];
  /** Why matrices of this shape cannot be points, or undefined where they can. */
  shapeError(shape: number[]): string | undefined;
  checkPoint(x: tf.Tensor, tolerances?: Tolerances): Promise<CheckResult>;
  checkTangent(x: tf.Tensor, u: tf.Tensor, tolerances?: Tolerances): Promise<CheckResult>;
  /** The nearest point to an ambient matrix. */
  projx(x: tf.Tensor): tf.Tensor;
  /** Orthogonal projection of an ambient matrix onto the tangent space at `x`. */
  proju(x: tf.Tensor, u: tf.Tensor): tf.Tensor;
  /** The Riemannian gradient at `x` from the Euclidean one. */
  egrad2rgrad(x: tf.Tensor, gradient: tf.Tensor): tf.Tensor;
  /** A point near `x` in the direction `u`: equal to `x + u` to first order. */
  retr(x: tf.Tensor, u: tf.Tensor, options?: {retraction?: string}): tf.Tensor;
  /** Carries `v`, tangent at `x`, to the tangent space at `y`. */
  transp(x: tf.Tensor, y: tf.Tensor, v: tf.Tensor): tf.Tensor;
  /** `y = retr(x, u)` and `v` carried to it. */
  retrTransp(
    x: tf.Tensor,
    u: tf.Tensor,
    v: tf.Tensor,
    options?: {retraction?: string},
  ): [tf.Tensor, tf.Tensor];
  /** Inner product of `u` and `v` (default `u`) at `x`: shape `[...]`, or `[..., 1, 1]` with `keepDims`. */
  inner(x: tf.Tensor, u: tf.Tensor, v?: tf.Tensor, options?: {keepDims?: boolean}): tf.Tensor;
}
