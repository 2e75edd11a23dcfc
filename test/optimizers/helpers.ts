/** What the optimizers' tests share. */
import * as tf from '@tensorflow/tfjs-core';
import {seededNormal} from '../../src/manifolds/seeded_normal.js';
import type {NamedOptimizer, NamedTensor} from '../../src/optimizers/index.js';

/** Expects every value within `tolerance`, relative above 1. */
export async function expectClose(
  actual: tf.Tensor,
  expected: ArrayLike<number>,
  tolerance = 2e-6,
): Promise<void> {
  const values = await actual.data();
  expect(values.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < values.length; i++) {
    const error = Math.abs(values[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    worst = error <= worst ? worst : error;
  }
  expect(worst)
    .withContext(`[${Array.from(values).slice(0, 8)}] for [${Array.from(expected).slice(0, 8)}]`)
    .toBeLessThanOrEqual(tolerance);
}

/** Seeded Gaussian values. */
export function gaussian(shape: number[], seed: number): tf.Tensor {
  const normal = seededNormal(seed);
  return tf.tensor(Float32Array.from({length: tf.util.sizeFromShape(shape)}, normal), shape);
}

/** The values of the optimizer's state, as a checkpoint would hold them. */
export async function saveState(
  optimizer: NamedOptimizer,
): Promise<Array<{name: string; shape: number[]; dtype: tf.DataType; values: number[]}>> {
  const weights = await optimizer.getWeights();
  const saved = [];
  for (const {name, tensor} of weights) {
    const values = Array.from(await tensor.data());
    saved.push({name, shape: tensor.shape, dtype: tensor.dtype, values});
  }
  weights[0].tensor.dispose();
  return saved;
}

/** Loads what `saveState` gave. */
export async function restoreState(
  optimizer: NamedOptimizer,
  saved: Awaited<ReturnType<typeof saveState>>,
): Promise<void> {
  const weights: NamedTensor[] = saved.map(({name, shape, dtype, values}) => ({
    name,
    tensor: tf.tensor(values, shape, dtype),
  }));
  await optimizer.setWeights(weights);
  tf.dispose(weights.map(({tensor}) => tensor));
}
