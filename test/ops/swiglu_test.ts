import * as tf from '@tensorflow/tfjs-core';
import {swiglu} from '../../src/ops/index.js';
import {expectClose, normal, toTensor} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

describe('swiglu', () => {
  for (const shape of [[1], [7], [3, 5], [2, 3, 31], [1, 130]]) {
    it(`of [${shape}] as in float64`, async () => {
      const [gate, up] = [normal(shape, 1, 3), normal(shape, 2)];
      await expectClose(swiglu(toTensor(gate), toTensor(up)), reference.swiglu(gate, up));
    });
  }

  it('saturates without NaN', async () => {
    // silu(−200) = 0 and silu(200) = 200 in float32.
    const values = await swiglu([-200, 200], [1, 1]).data();
    expect(Math.abs(values[0])).toBeLessThan(1e-30);
    expect(values[1]).toBe(200);
  });

  it('names what is wrong', () => {
    expect(() => swiglu(tf.zeros([2, 3]), tf.zeros([2, 4]))).toThrowError(
      /swiglu: 'up' has shape \[2,4\]; expected \[2,3\], the shape of 'gate'/,
    );
    expect(() => swiglu(tf.zeros([2, 3], 'bool'), tf.zeros([2, 3]))).toThrowError(
      /'gate' is a bool tensor/,
    );
  });
});
