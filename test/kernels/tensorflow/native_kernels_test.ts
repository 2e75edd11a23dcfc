/** The native kernels of the `tensorflow` backend against the composed references. */
import * as tf from '@tensorflow/tfjs-core';
import {findNativeOps} from '../../../src/backends/index.js';
import '../../../src/kernels/composed/index.js';
import {composedKernel} from '../../../src/kernels/ensure_kernel.js';
import {
  RmsNorm,
  ScatterRows,
  SparseCrossEntropy,
  SwiGLU,
} from '../../../src/kernels/kernel_names.js';
import {loadedNativeOps} from '../../../src/kernels/tensorflow/load_native_ops.js';
import {NATIVE_KERNELS} from '../../../src/kernels/tensorflow/native_kernels.js';
import {CASES} from './native_cases.js';

const onTensorflow = tf.getBackend() === 'tensorflow';

describe('native TensorFlow kernels', () => {
  if (!onTensorflow) {
    it('are for the tensorflow backend', () => {
      pending(`this run is on ${tf.getBackend()}`);
    });
    return;
  }

  let installed: string | null = null;

  beforeAll(async () => {
    installed = await findNativeOps();
  });

  it('are loaded where setup has built them', () => {
    if (installed == null) pending('the library of TensorFlow ops is not built: tfjs-mapl setup');
    expect(loadedNativeOps()).toBe(installed);
  });

  function need(): void {
    if (installed == null) pending('the library of TensorFlow ops is not built: tfjs-mapl setup');
  }

  it('are all in the table of cases', () => {
    const tested = new Set(CASES.map(({kernel}) => kernel));
    expect(Object.keys(NATIVE_KERNELS).filter((name) => !tested.has(name))).toEqual([]);
  });

  for (const {kernel, name, inputs, attrs, tolerance} of CASES) {
    it(`${kernel} ${name} is the composed reference, the same bits each time`, async () => {
      need();
      const given = inputs();
      const reference = list(tf.tidy(() => composedKernel(kernel)(given, attrs)));
      const first = await valuesOf(run(kernel, given, attrs));
      expect(first.map(({shape}) => shape)).toEqual(reference.map(({shape}) => shape));
      for (const [i, expected] of reference.entries()) {
        const error = largestError(first[i].values, (await expected.data()) as Float32Array);
        expect(error).withContext(`output ${i}`).toBeLessThan(tolerance);
      }
      for (let i = 0; i < 3; i++) {
        poison(first.map(({shape}) => shape));
        const again = await valuesOf(run(kernel, given, attrs));
        expect(again.map(bitsOf)).toEqual(first.map(bitsOf));
      }
    });
  }

  it('keep NaN to the rows that have it', async () => {
    need();
    const x = tf.tensor2d([1, NaN, 3, 4, 5, 6], [2, 3]);
    const [normed] = await valuesOf(run(RmsNorm, {x, weight: tf.ones([3])}, {epsilon: 1e-5}));
    expect(Array.from(normed.values, Number.isNaN)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    const [gated] = await valuesOf(run(SwiGLU, {gate: x, up: tf.onesLike(x)}));
    expect(Array.from(gated.values, Number.isNaN)).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
    const targets = tf.tensor1d([0, 0], 'int32');
    const [loss] = await valuesOf(run(SparseCrossEntropy, {logits: x, targets}));
    expect(Array.from(loss.values, Number.isNaN)).toEqual([true, false]);
  });

  it('stay finite for large finite values', async () => {
    need();
    const gate = tf.tensor1d([-1e4, -100, -88, 88, 100, 1e4]);
    const [gated] = await valuesOf(run(SwiGLU, {gate, up: tf.onesLike(gate)}));
    // silu(−88) = −88 e⁻⁸⁸ is below the smallest normal number.
    expect(Array.from(gated.values, (v) => v + 0)).toEqual([0, 0, 0, 88, 100, 1e4]);
    const logits = tf.tensor2d([1e4, -1e4, 0, -1e30, 1e30, 0], [2, 3]);
    const targets = tf.tensor1d([1, 1], 'int32');
    const [loss, lse] = await valuesOf(run(SparseCrossEntropy, {logits, targets}));
    expect(Array.from(loss.values)).toEqual([2e4, 0]);
    expect(Array.from(lse.values)).toEqual([1e4, Math.fround(1e30)]);
  });

  it('refuse ids outside the table', () => {
    need();
    for (const id of [-1, 4]) {
      const targets = tf.tensor1d([0, id], 'int32');
      const logits = tf.zeros([2, 4]);
      expect(() => run(SparseCrossEntropy, {logits, targets})).toThrowError(
        /targets: outside the number of classes/,
      );
      expect(() => run(ScatterRows, {rows: logits, ids: targets}, {numSegments: 4})).toThrowError(
        /ids: outside the number of segments/,
      );
    }
  });

  it('refuse shapes that do not belong together', () => {
    need();
    const gate = tf.zeros([2, 3]);
    expect(() => run(SwiGLU, {gate, up: tf.zeros([3, 2])})).toThrowError(
      /up: expected the shape of gate/,
    );
    expect(() => run(RmsNorm, {x: gate, weight: tf.zeros([2])}, {epsilon: 1})).toThrowError(
      /weight: expected one number a column/,
    );
  });
});

interface Values {
  shape: number[];
  values: Float32Array;
}

function list(tensors: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
  return Array.isArray(tensors) ? tensors : [tensors];
}

function run(kernel: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap = {}): tf.Tensor[] {
  return list(tf.engine().runKernel(kernel, inputs, attrs) as tf.Tensor | tf.Tensor[]);
}

async function valuesOf(tensors: tf.Tensor[]): Promise<Values[]> {
  const result: Values[] = [];
  for (const tensor of tensors) {
    result.push({shape: tensor.shape, values: (await tensor.data()) as Float32Array});
    tensor.dispose();
  }
  return result;
}

/** Fills memory of these sizes with NaN and frees it: outputs are likely to be put there. */
function poison(shapes: number[][]): void {
  const filled = [...shapes, ...shapes].map((shape) => tf.fill(shape, NaN));
  tf.dispose(filled);
}

/**
 * Relative to the largest value, or to 0.1 where all are smaller because they are differences of nearly equal numbers;
 * infinite where one of the two is not finite.
 */
function largestError(values: Float32Array, expected: Float32Array): number {
  let error = 0;
  let largest = 0.1;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(values[i] - expected[i]);
    error = Math.max(error, Number.isFinite(difference) ? difference : Infinity);
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return error / largest;
}

/** A hash of the bits (FNV-1a over words): comparing arrays of a million numbers takes Jasmine seconds. */
function bitsOf({values}: Values): number {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}
