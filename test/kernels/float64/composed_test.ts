/**
 * The composed references against float64 on the backends that have kernels of their own in their place: what runs without
 * the library of TensorFlow ops, and on `webgl`.
 */
import * as tf from '@tensorflow/tfjs-core';
import '../../../src/kernels/composed/index.js';
import {composedKernel} from '../../../src/kernels/ensure_kernel.js';
import {BOUNDARY_TABLES} from './boundary_tables.js';
import {expectFloat64, TOLERANCE} from './case.js';
import {MODEL_TABLES} from './model_tables.js';
import {OPTIMIZER_TABLES} from './optimizer_tables.js';
import {runSeed} from './seed.js';

const TABLES = {...MODEL_TABLES, ...BOUNDARY_TABLES, ...OPTIMIZER_TABLES};

/** tfjs-wasm's `Sum` adds its terms up one after the other: over so many, float32 has no five digits. */
function toleranceAt(size: number[]): number {
  return tf.getBackend() === 'wasm' && Math.max(...size) > 50_000 ? 1e-4 : TOLERANCE;
}

describe(`composed references against float64 (seed ${runSeed()})`, () => {
  const backend = tf.getBackend();
  if (backend === 'cpu' || backend === 'webgpu') {
    it('run elsewhere', () =>
      pending(
        backend === 'cpu'
          ? 'they are the kernels of cpu'
          : 'webgpu has kernels of its own; agreement_test.ts compares them to the references',
      ));
    return;
  }

  for (const [name, table] of Object.entries(TABLES)) {
    for (const size of table.sizes) {
      it(`${name} at [${size}]`, () =>
        expectFloat64(
          table,
          size,
          (inputs, attrs) => tf.tidy(() => composedKernel(name)(inputs, attrs) as tf.Tensor),
          toleranceAt(size),
        ));
    }
  }
});
