import * as tf from '@tensorflow/tfjs-core';
import {rmsNorm} from '../../src/ops/index.js';
import {expectClose, normal, toTensor} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

const SHAPES = [[1], [3], [1, 5], [7, 3], [2, 3, 17], [2, 1, 3, 64], [5, 257]];

describe('rmsNorm', () => {
  for (const shape of SHAPES) {
    it(`of [${shape}] as in float64`, async () => {
      const x = normal(shape, 1, 3);
      const weight = normal([shape[shape.length - 1]], 2);
      const out = rmsNorm(toTensor(x), toTensor(weight), 1e-6);
      await expectClose(out, reference.rmsNorm(x, weight, 1e-6));
    });
  }

  it('has epsilon 1e-5 by default and takes arrays', async () => {
    // x = [0.003, 0.004]: mean square 1.25e-5, plus 1e-5, square root 4.743e-3.
    const rms = Math.sqrt(1.25e-5 + 1e-5);
    const values = await rmsNorm([0.003, 0.004], [1, 2]).data();
    expect(values[0]).toBeCloseTo(0.003 / rms, 5);
    expect(values[1]).toBeCloseTo(0.008 / rms, 5);
  });

  it('of zeros is zeros', async () => {
    expect(Array.from(await rmsNorm(tf.zeros([2, 2]), [1, 2]).data())).toEqual([0, 0, 0, 0]);
  });

  it('lets NaN through in its row only', async () => {
    const values = await rmsNorm(
      [
        [NaN, 1],
        [1, 1],
      ],
      [1, 1],
      0,
    ).data();
    expect(Number.isNaN(values[0])).toBeTrue();
    expect(values[2]).toBeCloseTo(1, 5);
  });

  it('names what is wrong', () => {
    expect(() => rmsNorm(tf.zeros([2, 3]), tf.zeros([2]))).toThrowError(
      /rmsNorm: the length of 'weight' is 2; expected 3, the last dimension of 'x'/,
    );
    expect(() => rmsNorm(tf.zeros([2, 3]), tf.zeros([1, 3]))).toThrowError(/expected \[d\]/);
    expect(() => rmsNorm(tf.zeros([2, 3]), tf.zeros([3]), -1)).toThrowError(/'epsilon' is -1/);
    expect(() => rmsNorm(tf.zeros([2, 3], 'int32'), tf.zeros([3]))).toThrowError(
      /'x' is a int32 tensor of shape \[2,3\]; expected dtype float32. Cast it/,
    );
  });
});
