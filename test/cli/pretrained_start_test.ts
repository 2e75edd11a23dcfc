import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {initialiseBoundaries} from '../../src/diagnostics/index.js';
import {llama} from '../../src/models/llama/index.js';
import {train} from '../../src/optimizers/train.js';
import {config, lossOf, read, textBatch, withBoundaries} from '../diagnostics/support.js';

/** A model that was trained for a while, without boundaries. */
async function trained(): Promise<tfl.LayersModel> {
  const model = llama(config);
  const optimizer = train.adamw({learningRate: 0.02});
  for (let step = 0; step < 40; step++) {
    const ids = textBatch(100 + step);
    const loss = optimizer.minimize(() => lossOf(model, ids), true) as tf.Scalar;
    tf.dispose([ids, loss]);
  }
  optimizer.dispose();
  return model;
}

describe('a model that was trained without boundaries', () => {
  it('loses much less with fitted boundaries than with random ones', async () => {
    const source = await trained();
    const batches = [1, 2, 3, 4].map((seed) => textBatch(seed));
    const heldOut = textBatch(9, 64);
    const plain = await read(lossOf(source, heldOut));
    const model = withBoundaries(source, {stages: 3, rank: 5});
    const random = await read(lossOf(model, heldOut));
    await initialiseBoundaries(model, batches);
    const started = await read(lossOf(model, heldOut));
    expect(plain).toBeLessThan(2);
    expect(random - plain).toBeGreaterThan(0.3);
    expect(started - plain).toBeLessThan(0.5 * (random - plain));
    const kept = withBoundaries(source, {stages: 3, rank: 5});
    await initialiseBoundaries(kept, batches, {basis: 'keep'});
    expect(await read(lossOf(kept, heldOut))).toBeLessThan(random);
    tf.dispose([...batches, heldOut]);
    [source, model, kept].forEach((each) => each.dispose());
  });
});
