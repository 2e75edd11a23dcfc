import * as tf from '@tensorflow/tfjs-core';
import {emaUpdate} from '../../../src/layers/quantizer/ema_update.js';
import {dense, expectClose} from '../../support/dense.js';

/** One round, one group, three codes of width 2. */
const before = () => ({
  codebooks: tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 1, 3, 2]),
  counts: tf.tensor3d([4, 2, 8], [1, 1, 3]),
  sums: tf.tensor4d([4, 8, 6, 8, 40, 48], [1, 1, 3, 2]),
});

describe('emaUpdate', () => {
  it('averages counts and sums and divides by the smoothed counts', async () => {
    // λ = 0.75, ε = 0.5, K = 3. Counts 4, 0, 8 of the step with sums (8, 4), (0, 0), (−8, 16):
    //   n = 0.75·(4, 2, 8) + 0.25·(4, 0, 8)     = (4, 1.5, 8)              Σn = 13.5
    //   s = 0.75·((4, 8), (6, 8), (40, 48)) + 0.25·s' = (5, 7), (4.5, 6), (28, 40)
    //   ñ = (n + 0.5)/(13.5 + 1.5)·13.5 = (n + 0.5)·0.9 = (4.05, 1.8, 7.65)
    //   c = (5/4.05, 7/4.05), (2.5, 6/1.8), (28/7.65, 40/7.65)
    const step = {
      counts: tf.tensor3d([4, 0, 8], [1, 1, 3]),
      sums: tf.tensor4d([8, 4, 0, 0, -8, 16], [1, 1, 3, 2]),
    };
    const settings = {decay: 0.75, epsilon: 0.5, deadCodeThreshold: 0};
    const {codebooks, counts, sums} = emaUpdate(before(), step, null, settings);
    await expectClose(counts, dense([1, 1, 3], [4, 1.5, 8]), 1e-6);
    await expectClose(sums, dense([1, 1, 3, 2], [5, 7, 4.5, 6, 28, 40]), 1e-6);
    const expected = [5 / 4.05, 7 / 4.05, 2.5, 6 / 1.8, 28 / 7.65, 40 / 7.65];
    await expectClose(codebooks, dense([1, 1, 3, 2], expected), 1e-6);
  });

  it('replaces codes that were dead before the step, and resets count and sum', async () => {
    // Threshold 3: the second code, count 2, is dead, whatever the step says of it. It becomes (7, −7), count 3, sum (21, −21).
    // The others: n = 0.5·(4, 8) + 0.5·(2, 10) = (3, 9), s = (2, 4) + (1, 1) = (3, 5) and (20, 24) + (5, 5) = (25, 29).
    // ε = 0: c = s/n.
    const step = {
      counts: tf.tensor3d([2, 99, 10], [1, 1, 3]),
      sums: tf.tensor4d([2, 2, 990, 990, 10, 10], [1, 1, 3, 2]),
    };
    const replacements = tf.tensor4d([0, 0, 7, -7, 0, 0], [1, 1, 3, 2]);
    const settings = {decay: 0.5, epsilon: 0, deadCodeThreshold: 3};
    const {codebooks, counts, sums} = emaUpdate(before(), step, replacements, settings);
    await expectClose(counts, dense([1, 1, 3], [3, 3, 9]), 1e-6);
    await expectClose(sums, dense([1, 1, 3, 2], [3, 5, 21, -21, 25, 29]), 1e-6);
    await expectClose(codebooks, dense([1, 1, 3, 2], [1, 5 / 3, 7, -7, 25 / 9, 29 / 9]), 1e-6);
    // A step later with one choice more it lives: the threshold itself is not below the threshold.
    const again = emaUpdate({codebooks, counts, sums}, step, replacements, settings);
    await expectClose(again.counts, dense([1, 1, 3], [2.5, 51, 9.5]), 1e-6);
  });

  it('leaves a codebook alone that nothing chose from, and codes that were never chosen', async () => {
    const step = {counts: tf.zeros([1, 1, 3]), sums: tf.zeros([1, 1, 3, 2])};
    const settings = {decay: 0.5, epsilon: 1e-5, deadCodeThreshold: 0};
    const start = before();
    const same = emaUpdate(start, step, null, settings);
    for (const key of ['codebooks', 'counts', 'sums'] as const) {
      expect(Array.from(await same[key].data())).toEqual(Array.from(await start[key].data()));
    }
    // Its dead codes wait until it is used again.
    const dead = {...settings, deadCodeThreshold: 3};
    const kept = emaUpdate(start, step, tf.ones([1, 1, 3, 2]), dead);
    for (const key of ['codebooks', 'counts', 'sums'] as const) {
      expect(Array.from(await kept[key].data())).toEqual(Array.from(await start[key].data()));
    }
    // A count of 0 and ε = 0: no division by zero.
    const unused = {...start, counts: tf.tensor3d([4, 0, 8], [1, 1, 3])};
    const used = {
      counts: tf.tensor3d([4, 0, 8], [1, 1, 3]),
      sums: tf.zeros([1, 1, 3, 2]),
    };
    const {codebooks} = emaUpdate(unused, used, null, {...settings, epsilon: 0});
    expect(Array.from(await codebooks.data()).slice(2, 4)).toEqual([3, 4]);
  });
});
