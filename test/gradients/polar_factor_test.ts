import * as tf from '@tensorflow/tfjs-core';
import {polarFactor} from '../../src/ops/index.js';
import {dense, expectClose, normal, toTensor} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

describe('gradient of polarFactor', () => {
  for (const [m, n] of [
    [3, 1],
    [1, 4],
    [6, 3],
    [3, 6],
    [7, 5],
  ]) {
    it(`of a ${m}×${n} matrix`, () =>
      checkGradients({
        inputs: {y: normal([m, n], m + 2 * n)},
        reference: ({y}) => reference.polarFactor(y),
        op: ({y}) => polarFactor(y),
        // Float32 loses what the matrix's condition number amplifies.
        tolerance: 1e-4,
      }));
  }

  it('is inverse to the scale of a matrix, huge or tiny', async () => {
    const [y, dy] = [normal([6, 3], 5), toTensor(normal([6, 3], 6))];
    const grad = tf.grad((matrix: tf.Tensor) => polarFactor(matrix));
    const {values} = dense([6, 3], await grad(toTensor(y), dy).data());
    for (const scale of [1e-25, 1e25]) {
      const scaled = tf.mul(grad(tf.mul(toTensor(y), scale), dy), scale);
      await expectClose(scaled, dense([6, 3], values), 1e-5, `scale ${scale}`);
    }
  });

  it('of a batch is that of each matrix', async () => {
    const [one, two] = [normal([4, 2], 1), normal([4, 2], 2)].map((d) => toTensor(d));
    const dy = toTensor(normal([2, 4, 2], 3));
    const [first, second] = tf.unstack(dy);
    const grad = tf.grad((y: tf.Tensor) => polarFactor(y));
    const both = grad(tf.stack([one, two]), dy);
    const values = [...(await grad(one, first).data()), ...(await grad(two, second).data())];
    await expectClose(both, dense([2, 4, 2], values), 1e-6);
  });
});
