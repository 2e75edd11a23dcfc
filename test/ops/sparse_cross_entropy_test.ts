import * as tf from '@tensorflow/tfjs-core';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {dense, expectClose, integersBelow, normal, toTensor} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

describe('sparseCrossEntropy', () => {
  for (const [rows, classes] of [
    [1, 1],
    [1, 7],
    [5, 3],
    [9, 130],
    [3, 1025],
  ]) {
    it(`${rows} rows of ${classes} classes as in float64, with each reduction`, async () => {
      const logits = normal([rows, classes], 1, 4);
      const targets = integersBelow(classes, [rows], 2);
      const [$logits, $targets] = [toTensor(logits), toTensor(targets, 'int32')];
      const losses = reference.sparseCrossEntropy(logits, targets);
      const sum = losses.values.reduce((a, b) => a + b, 0);
      await expectClose(sparseCrossEntropy($logits, $targets, 'none'), losses);
      await expectClose(sparseCrossEntropy($logits, $targets, 'sum'), dense([], [sum]));
      await expectClose(sparseCrossEntropy($logits, $targets), dense([], [sum / rows]));
    });
  }

  it('keeps leading dimensions and takes arrays', async () => {
    const loss = sparseCrossEntropy(
      [
        [
          [0, 0],
          [0, 0],
        ],
      ],
      [[0, 1]],
      'none',
    );
    await expectClose(loss, dense([1, 2], [Math.LN2, Math.LN2]));
  });

  it('is right far from zero', async () => {
    // Logits 1e4 and 0: loss 0 for the first class and 1e4 for the second.
    const loss = sparseCrossEntropy(
      [
        [1e4, 0],
        [1e4, 0],
      ],
      [0, 1],
      'none',
    );
    expect(Array.from(await loss.data())).toEqual([0, 1e4]);
  });

  it('keeps the digits of a small loss between large logits', async () => {
    // log(1 + e⁻¹) + 1, whatever both logits have in common.
    const loss = sparseCrossEntropy([[-8192, -8191]], [0], 'none');
    await expectClose(loss, dense([1], [Math.log1p(Math.exp(-1)) + 1]));
  });

  it('shows NaN, and logits of which none is above minus infinity', async () => {
    const logits = tf.tensor2d([NaN, 1, -Infinity, -Infinity, -Infinity, 1], [3, 2]);
    const losses = await sparseCrossEntropy(logits, [1, 0, 1], 'none').data();
    expect(losses[0]).toBeNaN();
    expect(losses[1]).toBeNaN();
    expect(losses[2]).toBe(0);
  });

  it('names what is wrong', () => {
    const logits = tf.zeros([2, 3]);
    expect(() => sparseCrossEntropy(logits, tf.tensor1d([0, 3], 'int32'))).toThrowError(
      /sparseCrossEntropy: targets\[1\] = 3 is outside the vocabulary: the last dimension of 'logits' has 3 rows/,
    );
    expect(() => sparseCrossEntropy(logits, tf.zeros([3], 'int32'))).toThrowError(
      /'targets' has shape \[3\]; expected \[2\]/,
    );
    expect(() => sparseCrossEntropy(logits, tf.zeros([2]))).toThrowError(/expected dtype int32/);
    expect(() => sparseCrossEntropy(logits, [0, 0], 'max' as 'mean')).toThrowError(
      /'reduction' is 'max'; expected 'mean', 'sum' or 'none'/,
    );
  });
});
