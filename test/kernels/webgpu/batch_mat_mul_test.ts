/** Products with a long inner dimension: added in one order on every backend. */
import * as tf from '@tensorflow/tfjs-core';
import {rmsNorm} from '../../../src/ops/index.js';
import {dense, expectClose, matMul, normal, toTensor, transpose} from '../../support/dense.js';
import {poison} from '../../support/poison.js';

const INNER = 2100;
const [ROWS, COLUMNS] = [35, 40];

describe('product with a long inner dimension', () => {
  // The kernels of this package are put in place by the first of its ops.
  beforeEach(() => tf.dispose(rmsNorm(tf.ones([1, 1]), tf.ones([1]))));

  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      it(`transposed ${transposeA}, ${transposeB}: as in float64, the same bits twice`, async () => {
        const a = normal([ROWS, INNER], 1);
        const b = normal([INNER, COLUMNS], 2);
        const left = toTensor(transposeA ? transpose(a) : a) as tf.Tensor2D;
        const right = toTensor(transposeB ? transpose(b) : b) as tf.Tensor2D;
        const expected = matMul(a, b);
        const run = () => tf.matMul(left, right, transposeA, transposeB);
        await poison([[ROWS, COLUMNS]]);
        const y = run();
        await expectClose(y, expected);
        expect(Array.from(await run().data())).toEqual(Array.from(await y.data()));
      });
    }
  }

  it('keeps leading dimensions of 1', async () => {
    const a = normal([ROWS, INNER], 1);
    const b = normal([INNER, COLUMNS], 2);
    const y = tf.matMul(tf.reshape(toTensor(a), [1, ROWS, INNER]), toTensor(b));
    await expectClose(y, dense([1, ROWS, COLUMNS], matMul(a, b).values));
  });

  it('with a bias: the same bits twice', async () => {
    const a = toTensor(normal([ROWS, INNER], 1)) as tf.Tensor2D;
    const b = toTensor(normal([INNER, COLUMNS], 2)) as tf.Tensor2D;
    const bias = toTensor(normal([COLUMNS], 3));
    const run = () => tf.fused.matMul({a, b, bias, activation: 'relu'});
    const y = run();
    const plain = tf.relu(tf.add(tf.matMul(a, b), bias));
    await expectClose(y, dense([ROWS, COLUMNS], await plain.data()));
    expect(Array.from(await run().data())).toEqual(Array.from(await y.data()));
  });
});
