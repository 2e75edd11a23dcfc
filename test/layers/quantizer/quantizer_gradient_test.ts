import * as tf from '@tensorflow/tfjs-core';
import {quantizerGradient} from '../../../src/layers/quantizer/quantizer_gradient.js';
import {dense, expectClose, normal, toTensor} from '../../support/dense.js';

describe('quantizerGradient', () => {
  it('passes straight through', async () => {
    const dy = tf.tensor2d([[1, 2]]);
    const dz = quantizerGradient(dy, tf.zeros([1, 2]), tf.ones([1, 2]), 'straight-through', 0);
    expect(Array.from(await dz.data())).toEqual([1, 2]);
  });

  it('adds the gradient of the commitment loss', async () => {
    // β = 0.5: d/dz 0.5·mean((z − ẑ)²) = 0.5·2/4·(z − ẑ) = 0.25·(z − ẑ).
    const z = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    const zhat = tf.tensor2d([
      [0, 4],
      [3, -4],
    ]);
    const dz = quantizerGradient(tf.ones([2, 2]), z, zhat, 'straight-through', 0.5);
    expect(Array.from(await dz.data())).toEqual([1.25, 0.5, 1, 3]);
  });

  it('turns and scales by the rotation trick', async () => {
    // z = (2, 0), ẑ = (0, 4): a quarter turn left and twice as long, so a gradient turns right: (a, b) → 2·(b, −a).
    const dz = quantizerGradient(
      tf.tensor2d([[3, 5]]),
      tf.tensor2d([[2, 0]]),
      tf.tensor2d([[0, 4]]),
      'rotation',
      0,
    );
    await expectClose(dz, dense([1, 2], [10, -6]), 1e-6);
  });

  it('is the transpose of the map that takes z to ẑ', async () => {
    // With M as in the formula, Mz = ẑ; so for any dy: dz·z = dy·ẑ. And lengths scale by ‖ẑ‖/‖z‖. Also for tiny vectors.
    for (const scale of [1, 1e-25]) {
      const [z, zhat, dy] = [1, 2, 3].map((seed) => normal([5, 7], seed));
      const dz = quantizerGradient(
        toTensor(dy),
        tf.mul(toTensor(z), scale),
        tf.mul(toTensor(zhat), scale),
        'rotation',
        0,
      );
      const values = await dz.data();
      for (let row = 0; row < 5; row++) {
        const of = (x: {values: ArrayLike<number>}) =>
          Array.from(x.values).slice(row * 7, row * 7 + 7);
        const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0);
        const own = of({values});
        expect(dot(own, of(z)) / dot(of(dy), of(zhat))).toBeCloseTo(1, 4);
        const ratio = Math.sqrt(dot(own, own) / dot(of(dy), of(dy)));
        expect(ratio / Math.sqrt(dot(of(zhat), of(zhat)) / dot(of(z), of(z)))).toBeCloseTo(1, 4);
      }
    }
  });

  it('passes rows straight through where no rotation is defined', async () => {
    const z = tf.tensor2d([
      [0, 0],
      [1, 2],
      [1, 2],
    ]);
    const zhat = tf.tensor2d([
      [1, 0],
      [0, 0],
      [-1, -2],
    ]);
    const dy = tf.tensor2d([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const dz = quantizerGradient(dy, z, zhat, 'rotation', 0);
    expect(Array.from(await dz.data())).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
