/** A kernel's inputs at a size, and running it into memory full of garbage against float64. */
import * as tf from '@tensorflow/tfjs-core';
import {expectClose, normal, toTensor, type Dense} from '../../support/dense.js';
import {poison} from '../../support/poison.js';
import {setting} from '../../support/setting.js';
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

/**
 * A large size, and the one that a WebGPU emulated on the CPU gets through in seconds: it runs every invocation of the tiles
 * that rows of one position leave empty. `npm run test:deep` has `webgpu` run the large ones too.
 */
export function large(size: number[], emulated: number[]): number[] {
  return tf.getBackend() === 'webgpu' && !setting('MAPL_TEST_DEEP') ? emulated : size;
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
  tolerance = TOLERANCE,
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
    await expectClose(tensor, expected[i], tolerance, `output ${i}`);
  }
}
