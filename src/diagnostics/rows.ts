/** Checks of what the measurements are given. */
import * as tf from '@tensorflow/tfjs-core';
import {checkTensor} from '../ops/check_values.js';

/**
 * A tensor `[…, width]` as `[n, width]`; inside a `tf.tidy`.
 *
 * @param what Names the tensor in messages, such as `capturedEnergy: the residual`.
 * @param width The width it must have, if known.
 * @throws Error on what is no tensor, on a scalar or another width.
 */
export function asRows(x: tf.Tensor, what: string, width?: number): tf.Tensor2D {
  checkIsTensor(x, what);
  const last = x.shape[x.rank - 1];
  if (x.rank < 1 || last < 1 || (width != null && last !== width)) {
    throw new Error(
      `${what} has shape [${x.shape}], expected [..., ${width ?? 'width'}]: one row a token.`,
    );
  }
  return tf.reshape(x, [-1, last]);
}

/** Throws unless the tensor is a matrix. */
export function checkMatrix(x: tf.Tensor, what: string): asserts x is tf.Tensor2D {
  checkIsTensor(x, what);
  if (x.rank !== 2) {
    throw new Error(`${what} has shape [${x.shape}], expected a matrix [d, r].`);
  }
}

/** @param what `where: name`. */
function checkIsTensor(x: tf.Tensor, what: string): void {
  const [where, name] = what.split(': ');
  checkTensor(where, name, x);
}

/** The number in a scalar, which is freed. */
export async function take(scalar: tf.Tensor): Promise<number> {
  const [value] = await scalar.data();
  scalar.dispose();
  return value;
}
