/** What all ops share: turning arguments into tensors, and refusing bad ones by name. */
import * as tf from '@tensorflow/tfjs-core';
import {describeValue} from './check_values.js';

/**
 * `value` as a float32 tensor. Arrays are converted, as tfjs ops do; tensors of another dtype are refused rather than cast.
 *
 * @param value Argument of an op.
 * @param name The argument's name, for messages.
 * @param op The op's name, for messages.
 * @throws Error if it is neither a float32 tensor nor numbers.
 */
export function toFloatTensor(
  value: tf.Tensor | tf.TensorLike,
  name: string,
  op: string,
): tf.Tensor {
  return toTensor(value, name, op, 'float32', `Cast it: tf.cast(${name}, 'float32').`);
}

/** `value` as an int32 tensor; arrays of integers are converted. Throws on any other dtype. */
export function toIdTensor(value: tf.Tensor | tf.TensorLike, name: string, op: string): tf.Tensor {
  return toTensor(
    value,
    name,
    op,
    'int32',
    `Make it with dtype 'int32', or cast it: tf.cast(${name}, 'int32').`,
  );
}

function toTensor(
  value: tf.Tensor | tf.TensorLike,
  name: string,
  op: string,
  dtype: 'float32' | 'int32',
  mend: string,
): tf.Tensor {
  if (value instanceof tf.Tensor) {
    if (value.dtype !== dtype) {
      throw new Error(
        `${op}: '${name}' is ${describeValue(value)}; expected dtype ${dtype}. ${mend}`,
      );
    }
    return value;
  }
  const isLike = typeof value === 'number' || Array.isArray(value) || ArrayBuffer.isView(value);
  if (!isLike) {
    throw new Error(
      `${op}: '${name}' is ${describeValue(value)}; expected a ${dtype} tensor or numbers.`,
    );
  }
  if (dtype === 'int32') {
    const wrong = (tf.util.flatten(value) as unknown[]).find((v) => !Number.isInteger(v));
    if (wrong !== undefined) {
      throw new Error(`${op}: '${name}' has the value ${String(wrong)}; expected integers only.`);
    }
  }
  return tf.tensor(value, undefined, dtype);
}

/** Throws unless `tensor` has `rank` dimensions; `layout` says which, for instance `[d, r]`. */
export function checkRank(
  tensor: tf.Tensor,
  rank: number,
  layout: string,
  name: string,
  op: string,
): void {
  if (tensor.rank !== rank) {
    throw new Error(
      `${op}: '${name}' has shape [${tensor.shape}]; expected ${layout}. Reshape it to ${rank} dimensions.`,
    );
  }
}

/** Throws unless `tensor` has at least `rank` dimensions. */
export function checkMinRank(
  tensor: tf.Tensor,
  rank: number,
  layout: string,
  name: string,
  op: string,
): void {
  if (tensor.rank < rank) {
    throw new Error(`${op}: '${name}' has shape [${tensor.shape}]; expected ${layout}.`);
  }
}

/** Throws unless one dimension has the size that another argument dictates. */
export function checkSize(
  actual: number,
  expected: number,
  what: string,
  because: string,
  op: string,
): void {
  if (actual !== expected) {
    throw new Error(`${op}: ${what} is ${actual}; expected ${expected}, ${because}.`);
  }
}

/** Throws unless both shapes are equal. */
export function checkShape(
  actual: readonly number[],
  expected: readonly number[],
  what: string,
  because: string,
  op: string,
): void {
  if (!tf.util.arraysEqual(actual as number[], expected as number[])) {
    throw new Error(`${op}: ${what} has shape [${actual}]; expected [${expected}], ${because}.`);
  }
}
