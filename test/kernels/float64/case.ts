/** A kernel's inputs at a size, and running it into memory full of garbage against float64. */
import type * as tf from '@tensorflow/tfjs-core';
import {expectClose, normal, toTensor, type Dense} from '../../support/dense.js';
import {poison} from '../../support/poison.js';
import {freshSeed} from './seed.js';

export interface Case {
  /** Those named here are int32. */
  integers?: string[];
  inputs: Record<string, Dense>;
  attrs?: tf.NamedAttrMap;
}

/** A kernel's reference, the sizes it is tested at and what it is given there. */
export interface Table {
  reference: (inputs: Record<string, Dense>, attrs: never) => Dense[];
  sizes: number[][];
  make: (size: number[]) => Case;
}

/** Relative to the largest value of an output. */
export const TOLERANCE = 1e-5;

/** Normal values, others in each run. */
export function fresh(shape: number[], index: number, scale = 1): Dense {
  return normal(shape, freshSeed(index), scale);
}

/** Runs `kernel` on the case of `size` and compares all outputs. */
export async function expectFloat64(
  {reference, make}: Table,
  size: number[],
  kernel: (inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap) => tf.Tensor | tf.Tensor[],
): Promise<void> {
  const {inputs, integers = [], attrs = {}} = make(size);
  const expected = reference(inputs, attrs as never);
  const tensors = Object.entries(inputs).map(([key, value]) => [
    key,
    toTensor(value, integers.includes(key) ? 'int32' : 'float32'),
  ]);
  await poison(expected.map(({shape}) => shape));
  const result = kernel(Object.fromEntries(tensors), attrs);
  const actual = Array.isArray(result) ? result : [result];
  expect(actual.length).toBe(expected.length);
  for (const [i, tensor] of actual.entries()) {
    await expectClose(tensor, expected[i], TOLERANCE, `output ${i}`);
  }
}
