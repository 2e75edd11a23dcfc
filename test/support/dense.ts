/** Row-major float64 arrays in plain JavaScript: what references compute with. */
import * as tf from '@tensorflow/tfjs-core';
import {seededRandom} from '../../src/data/random.js';

export interface Dense {
  shape: number[];
  values: Float64Array;
}

export function dense(shape: number[], values?: ArrayLike<number>): Dense {
  const size = shape.reduce((a, b) => a * b, 1);
  const array = new Float64Array(size);
  if (values != null) {
    array.set(values as ArrayLike<number>);
  }
  return {shape, values: array};
}

/** Normal values that float32 represents exactly. */
export function normal(shape: number[], seed: number, scale = 1): Dense {
  const next = seededRandom(seed);
  const out = dense(shape);
  for (let i = 0; i < out.values.length; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    out.values[i] = Math.fround(scale * radius * Math.cos(2 * Math.PI * next()));
  }
  return out;
}

/** Integers in `0 … limit − 1`. */
export function integersBelow(limit: number, shape: number[], seed: number): Dense {
  const next = seededRandom(seed);
  const out = dense(shape);
  out.values.forEach((_, i) => (out.values[i] = Math.floor(next() * limit)));
  return out;
}

export function toTensor(source: Dense, dtype: 'float32' | 'int32' = 'float32'): tf.Tensor {
  const values =
    dtype === 'int32' ? Int32Array.from(source.values) : Float32Array.from(source.values);
  return tf.tensor(values, source.shape, dtype);
}

/** `a [m,k] · b [k,n]`. */
export function matMul(a: Dense, b: Dense): Dense {
  const [m, k] = a.shape;
  const n = b.shape[1];
  const out = dense([m, n]);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a.values[i * k + l];
      for (let j = 0; j < n; j++) {
        out.values[i * n + j] += factor * b.values[l * n + j];
      }
    }
  }
  return out;
}

export function transpose(a: Dense): Dense {
  const [m, n] = a.shape;
  const out = dense([n, m]);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      out.values[j * m + i] = a.values[i * n + j];
    }
  }
  return out;
}

/**
 * Expects a tensor to equal `expected` in shape, and in values within `tolerance` of the largest expected one (or of 0.01,
 * where all are smaller).
 */
export async function expectClose(
  actual: tf.Tensor,
  expected: Dense,
  tolerance = 1e-5,
  what = 'values',
): Promise<void> {
  expect(actual.shape).withContext(`shape of ${what}`).toEqual(expected.shape);
  const values = await actual.data();
  const scale = expected.values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-2);
  let worst = 0;
  for (let i = 0; i < expected.values.length; i++) {
    const error = Math.abs(values[i] - expected.values[i]);
    // Written so that NaN fails.
    worst = error <= worst ? worst : error;
  }
  expect(worst / scale)
    .withContext(`largest error of ${what}, relative`)
    .toBeLessThan(tolerance);
}
