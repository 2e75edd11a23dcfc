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
  const shape = lengthsOf(value);
  if (!hasLengths(value, shape)) {
    throw new Error(
      `${op}: '${name}' has lists of different lengths; expected the shape of its first ones, [${shape}], throughout.`,
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

type List = ArrayLike<unknown>;

const isList = (value: unknown): value is List => Array.isArray(value) || ArrayBuffer.isView(value);

/** Lengths of nested lists, by the first of each depth. */
function lengthsOf(value: unknown): number[] {
  return isList(value) ? [value.length, ...lengthsOf(value[0])] : [];
}

/** Whether all nested lists have these lengths: of others tfjs would make what its backends make of it, on `webgpu` some numbers. */
function hasLengths(value: unknown, lengths: readonly number[], depth = 0): boolean {
  if (depth === lengths.length || !isList(value)) {
    return depth === lengths.length && !isList(value);
  }
  if (value.length !== lengths[depth]) {
    return false;
  }
  return (
    ArrayBuffer.isView(value) ||
    Array.from(value).every((part) => hasLengths(part, lengths, depth + 1))
  );
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
