import * as tf from '@tensorflow/tfjs-core';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {dense, expectClose, integersBelow, normal, toTensor} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/reference_ops.js';

describe('gradient of sparseCrossEntropy', () => {
  for (const [rows, classes] of [
    [1, 2],
    [5, 3],
    [4, 37],
  ]) {
    it(`${rows} rows of ${classes} classes`, () => {
      const targets = integersBelow(classes, [rows], 2);
      return checkGradients({
        inputs: {logits: normal([rows, classes], 1, 2)},
        reference: ({logits}) => reference.sparseCrossEntropy(logits, targets),
        op: ({logits}) => sparseCrossEntropy(logits, toTensor(targets, 'int32'), 'none'),
      });
    });
  }

  it('goes through the mean', async () => {
    // Two rows of equal logits: (softmax − onehot) / 2 = ±1/4.
    const targets = tf.tensor1d([0, 1], 'int32');
    const grad = tf.grad((logits: tf.Tensor) => sparseCrossEntropy(logits, targets))(
      tf.zeros([2, 2]),
    );
    await expectClose(grad, dense([2, 2], [-0.25, 0.25, 0.25, -0.25]));
  });
});
