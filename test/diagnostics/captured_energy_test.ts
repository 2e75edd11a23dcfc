import * as tf from '@tensorflow/tfjs-core';
import {capturedEnergy} from '../../src/diagnostics/index.js';

describe('capturedEnergy', () => {
  it('is the share of squares inside the subspace', async () => {
    // Two tokens; the projector keeps the first two axes.
    const residual = tf.tensor3d([
      [
        [3, 0, 4],
        [0, 1, 0],
      ],
    ]);
    const projector = tf.tensor2d([1, 0, 0, 1, 0, 0], [3, 2]);
    expect(await capturedEnergy(residual, projector)).toBeCloseTo(10 / 26, 6);
    const turned = tf.tensor2d([0.6, 0, 0.8], [3, 1]);
    // 3·0.6 + 4·0.8 = 5, 0: 25 of 26.
    expect(await capturedEnergy(residual, turned)).toBeCloseTo(25 / 26, 6);
    tf.dispose([residual, projector, turned]);
  });

  it('loses nothing of nothing', async () => {
    const zeros = tf.zeros([4, 3]);
    const projector = tf.tensor2d([1, 0, 0], [3, 1]);
    expect(await capturedEnergy(zeros, projector)).toBe(1);
    tf.dispose([zeros, projector]);
  });

  it('refuses what does not fit', async () => {
    const [x, a, flat] = [tf.zeros([4, 3]), tf.zeros([5, 2]), tf.zeros([3])];
    await expectAsync(capturedEnergy(x, a)).toBeRejectedWithError(
      /residual has shape \[4,3\], expected \[\.\.\., 5\]/,
    );
    await expectAsync(capturedEnergy(x, flat)).toBeRejectedWithError(/projector has shape \[3\]/);
    tf.dispose([x, a, flat]);
  });
});
