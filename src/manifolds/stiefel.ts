/** The Stiefel manifold St(d, r): matrices `[d, r]` with orthonormal columns, where the projectors of MAPL live. */
import * as tf from '@tensorflow/tfjs-core';
import {checkOptions} from '../ops/check_options.js';
import {checkBoolean, checkNumber, refuseValue} from '../ops/check_values.js';
import {polarFactor} from '../ops/polar_factor.js';
import type {CheckResult, Manifold, Tolerances} from './manifold.js';
import {randomStiefel} from './random_stiefel.js';
import {retractions} from './retractions.js';

/** Names of the retractions of `stiefel.retr`. */
export type StiefelRetraction = 'polar' | 'qr' | 'cayley';

/** `stiefel`: see its own documentation. */
export interface Stiefel extends Manifold {
  retr(x: tf.Tensor, u: tf.Tensor, options?: {retraction?: StiefelRetraction}): tf.Tensor;
  /** A random point `[d, r]`, a function of the seed alone on every backend. See `randomStiefel`. */
  random(d: number, r: number, seed: number): tf.Tensor2D;
  /** The first `r` columns of the identity. */
  origin(d: number, r: number): tf.Tensor2D;
}

/**
 * The Stiefel manifold with the Euclidean metric, batched over leading dimensions `[..., d, r]`, `r ≤ d`. Interface and
 * formulas as in geoopt's `EuclideanStiefel`.
 *
 * - `proju(x, u) = u − x sym(xᵀu)`, `sym(M) = (M + Mᵀ)/2` (method.md section 6), which is also `egrad2rgrad`;
 * - `projx` is the polar factor, the nearest point;
 * - retractions `polar` (default), `qr`, `cayley`; transport is projection at the new point.
 *
 * ```js
 * const x = stiefel.random(8, 3, 42);
 * const u = stiefel.proju(x, tf.randomNormal([8, 3]));
 * const y = stiefel.retr(x, u, {retraction: 'cayley'});
 * console.log(await stiefel.checkPoint(y));  // {ok: true}
 * ```
 */
export const stiefel: Stiefel = {
  name: 'stiefel',
  retractions: Object.keys(retractions),

  shapeError(shape: number[]): string | undefined {
    const isShape = Array.isArray(shape) && shape.every((n) => Number.isInteger(n) && n >= 0);
    if (!isShape) refuseValue('stiefel.shapeError', 'shape', shape, 'sizes such as [8, 3]');
    if (shape.length < 2) {
      return `expected shape [..., d, r], got [${shape}]`;
    }
    const [d, r] = shape.slice(-2);
    if (r < 1 || r > d) {
      return `expected 1 ≤ r ≤ d in shape [..., d, r], got [${shape}]: orthonormal columns need at least as many rows`;
    }
    return undefined;
  },

  async checkPoint(x: tf.Tensor, tolerances: Tolerances = {}): Promise<CheckResult> {
    assertTensor('checkPoint', 'x', x);
    checkTolerances('checkPoint', tolerances);
    const shapeError = stiefel.shapeError(x.shape);
    if (shapeError != null) {
      return {ok: false, reason: shapeError};
    }
    const gram = tf.tidy(() => tf.matMul(x, x, true, false));
    return check(gram, x.shape[x.shape.length - 1]!, 'xᵀx − I', tolerances);
  },

  async checkTangent(
    x: tf.Tensor,
    u: tf.Tensor,
    tolerances: Tolerances = {},
  ): Promise<CheckResult> {
    assertTensor('checkTangent', 'x', x);
    assertTensor('checkTangent', 'u', u);
    checkTolerances('checkTangent', tolerances);
    if (!tf.util.arraysEqual(x.shape, u.shape)) {
      return {ok: false, reason: `u has shape [${u.shape}], the point x has [${x.shape}]`};
    }
    const point = await stiefel.checkPoint(x, tolerances);
    if (!point.ok) {
      return {ok: false, reason: `x is no point of the manifold: ${point.reason}`};
    }
    const symmetric = tf.tidy(() => {
      const product = tf.matMul(x, u, true, false);
      return tf.add(product, swapLast(product));
    });
    return check(symmetric, 0, 'xᵀu + uᵀx', tolerances);
  },

  projx(x: tf.Tensor): tf.Tensor {
    assertShape('projx', 'x', x);
    return polarFactor(x);
  },

  proju(x: tf.Tensor, u: tf.Tensor): tf.Tensor {
    assertSameShape('proju', x, 'u', u);
    return tf.tidy(() => {
      const product = tf.matMul(x, u, true, false);
      const symmetric = tf.mul(tf.add(product, swapLast(product)), 0.5);
      return tf.sub(u, tf.matMul(x, symmetric));
    });
  },

  egrad2rgrad(x: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
    assertSameShape('egrad2rgrad', x, 'gradient', gradient);
    return stiefel.proju(x, gradient);
  },

  retr(x: tf.Tensor, u: tf.Tensor, options = {}): tf.Tensor {
    assertSameShape('retr', x, 'u', u);
    checkOptions('stiefel.retr, options', options, `{retraction: 'qr'}`, ['retraction']);
    const {retraction = 'polar'} = options as {retraction?: StiefelRetraction};
    if (!Object.hasOwn(retractions, retraction)) {
      throw new Error(
        `stiefel.retr: retraction is '${retraction}', expected one of ${Object.keys(retractions).join(', ')}.`,
      );
    }
    return retractions[retraction](x, u);
  },

  transp(x: tf.Tensor, y: tf.Tensor, v: tf.Tensor): tf.Tensor {
    assertSameShape('transp', x, 'y', y);
    assertSameShape('transp', x, 'v', v);
    return stiefel.proju(y, v);
  },

  retrTransp(x: tf.Tensor, u: tf.Tensor, v: tf.Tensor, options = {}): [tf.Tensor, tf.Tensor] {
    assertSameShape('retrTransp', x, 'v', v);
    const y = stiefel.retr(x, u, options as {retraction?: StiefelRetraction});
    return [y, stiefel.transp(x, y, v)];
  },

  inner(x: tf.Tensor, u: tf.Tensor, v: tf.Tensor = u, options = {}): tf.Tensor {
    assertSameShape('inner', x, 'u', u);
    assertSameShape('inner', x, 'v', v);
    checkOptions('stiefel.inner, options', options, '{keepDims: true}', ['keepDims']);
    const {keepDims = false} = options as {keepDims?: boolean};
    checkBoolean('stiefel.inner', 'keepDims', keepDims);
    return tf.tidy(() => tf.sum(tf.mul(u, v), [-2, -1], keepDims));
  },

  random(d: number, r: number, seed: number): tf.Tensor2D {
    return tf.tensor2d(randomStiefel(d, r, seed), [d, r], 'float32');
  },

  origin(d: number, r: number): tf.Tensor2D {
    if (!Number.isInteger(d)) refuseValue('stiefel.origin', 'd', d, 'a number of rows');
    if (!Number.isInteger(r)) refuseValue('stiefel.origin', 'r', r, 'a number of columns');
    const shapeError = stiefel.shapeError([d, r]);
    if (shapeError != null) {
      throw new Error(`stiefel.origin: ${shapeError}.`);
    }
    return tf.eye(d, r);
  },
};

function checkTolerances(where: string, tolerances: Tolerances): void {
  checkOptions(`stiefel.${where}, options`, tolerances, '{atol: 1e-5}', ['atol', 'rtol']);
  for (const [name, value] of Object.entries(tolerances)) {
    if (value != null) checkNumber(`stiefel.${where}`, name, value as number);
  }
}

function swapLast(m: tf.Tensor): tf.Tensor {
  const axes = m.shape.map((_, axis) => axis);
  const last = axes.length - 1;
  return tf.transpose(m, [...axes.slice(0, -2), last, last - 1]);
}

/** Reads `actual [..., n, n]` (disposing of it) and compares it to `diagonal · I`, or to 0 where `diagonalSize` is 0. */
async function check(
  actual: tf.Tensor,
  diagonalSize: number,
  what: string,
  {atol = 1e-5, rtol = 1e-5}: Tolerances,
): Promise<CheckResult> {
  const values = await actual.data();
  actual.dispose();
  let worst = 0;
  for (let i = 0; i < values.length; i++) {
    const within = diagonalSize > 0 ? i % (diagonalSize * diagonalSize) : 0;
    const expected = diagonalSize > 0 && within % (diagonalSize + 1) === 0 ? 1 : 0;
    const excess = Math.abs(values[i] - expected) - rtol * expected;
    worst = Number.isNaN(excess) ? NaN : Math.max(worst, excess);
    if (Number.isNaN(worst)) {
      return {ok: false, reason: `${what} holds NaN`};
    }
  }
  if (worst > atol) {
    return {
      ok: false,
      reason: `largest entry of |${what}| exceeds its tolerance: ${worst.toExponential(2)} > ${atol}`,
    };
  }
  return {ok: true};
}

function assertTensor(where: string, argument: string, x: tf.Tensor): void {
  if (!(x instanceof tf.Tensor)) {
    refuseValue(`stiefel.${where}`, argument, x, 'a tensor [..., d, r]');
  }
}

function assertShape(where: string, argument: string, x: tf.Tensor): void {
  assertTensor(where, argument, x);
  const shapeError = stiefel.shapeError(x.shape);
  if (shapeError != null) {
    throw new Error(`stiefel.${where}: ${argument}: ${shapeError}.`);
  }
}

function assertSameShape(where: string, x: tf.Tensor, argument: string, u: tf.Tensor): void {
  assertShape(where, 'x', x);
  assertTensor(where, argument, u);
  if (!tf.util.arraysEqual(x.shape, u.shape)) {
    throw new Error(
      `stiefel.${where}: ${argument} has shape [${u.shape}], expected that of the point x, [${x.shape}].`,
    );
  }
}
