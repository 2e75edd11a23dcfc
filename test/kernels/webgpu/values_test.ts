/** NaN comes out where it went in, and nowhere else; a step of Muon is what it was before it was one kernel. */
import * as tf from '@tensorflow/tfjs-core';
import '../../../src/kernels/composed/index.js';
import {composedKernel, runKernel} from '../../../src/kernels/ensure_kernel.js';
import * as names from '../../../src/kernels/kernel_names.js';
import {normal, toTensor} from '../../support/dense.js';

/** `[3, width]` with a NaN in the middle row. */
function withNaN(width: number): tf.Tensor {
  const source = normal([3, width], 1);
  source.values[width + (width >> 1)] = NaN;
  return toTensor(source);
}

/** Which rows of a `[3, …]` tensor hold NaN. */
async function rowsWithNaN(tensor: tf.Tensor): Promise<boolean[]> {
  const values = Array.from(await tensor.data());
  const width = values.length / 3;
  return [0, 1, 2].map((row) => values.slice(row * width, (row + 1) * width).some(Number.isNaN));
}

const MIDDLE = [false, true, false];

describe('NaN', () => {
  // Rows of one invocation, of one workgroup in one turn, and in several.
  for (const width of [5, 50, 700]) {
    it(`in a row of ${width} stays in it`, async () => {
      const x = withNaN(width);
      const weight = tf.ones([width]);
      const targets = tf.tensor1d([0, 1, 2], 'int32');
      const [loss, lse] = runKernel<tf.Tensor[]>(names.SparseCrossEntropy, {logits: x, targets});
      expect(await rowsWithNaN(loss)).toEqual(MIDDLE);
      expect(await rowsWithNaN(lse)).toEqual(MIDDLE);
      const gradInputs = {logits: x, targets, lse, dloss: tf.ones([3])};
      const dlogits = runKernel<tf.Tensor>(names.SparseCrossEntropyGrad, gradInputs);
      expect(await rowsWithNaN(dlogits)).toEqual(MIDDLE);
      const gradient = {x, weight, dy: tf.ones([3, width])};
      const [dx] = runKernel<tf.Tensor[]>(names.RmsNormGrad, gradient, {epsilon: 1e-5});
      expect(await rowsWithNaN(dx)).toEqual(MIDDLE);
      const normed = runKernel<tf.Tensor>(names.RmsNorm, {x, weight}, {epsilon: 1e-5});
      expect(await rowsWithNaN(normed)).toEqual(MIDDLE);
      expect(await rowsWithNaN(runKernel(names.SwiGLU, {gate: x, up: x}))).toEqual(MIDDLE);
      const norms = runKernel<tf.Tensor>(names.GlobalNorm, {0: weight, 1: x, 2: weight});
      expect(await rowsWithNaN(norms)).toEqual(MIDDLE);
    });
  }
});

describe('MuonUpdate', () => {
  for (const nesterov of [true, false]) {
    it(`is the ops it replaces${nesterov ? ', with Nesterov' : ''}`, async () => {
      const [momentum, gradient] = [normal([7, 9], 1), normal([7, 9], 2)].map((d) => toTensor(d));
      const share = tf.mul(gradient, 1 - 0.95);
      const mean = tf.add(tf.mul(momentum, 0.95), share);
      const ahead = nesterov ? tf.add(tf.mul(mean, 0.95), share) : mean;
      const attrs = {beta: 0.95, nesterov};
      const composed = composedKernel(names.MuonUpdate)({momentum, gradient}, attrs) as tf.Tensor[];
      const outputs = runKernel<tf.Tensor[]>(names.MuonUpdate, {momentum, gradient}, attrs);
      for (const [i, expected] of [mean, ahead].entries()) {
        const reference = Array.from(await expected.data());
        expect(Array.from(await composed[i].data())).toEqual(reference);
        // A kernel of its own may fuse the product into the sum, which rounds once less.
        const values = await outputs[i].data();
        values.forEach((value, j) => expect(value).toBeCloseTo(reference[j], 6));
      }
    });
  }
});
