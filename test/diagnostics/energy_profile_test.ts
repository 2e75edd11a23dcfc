import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {energyProfile} from '../../src/diagnostics/index.js';

/** Ids to rows of a table, and the mean of the first row and the one before: `[batch, time, 4]`. */
function modelOf(table: number[][]): tfl.LayersModel {
  const ids = tfl.input({shape: [null], dtype: 'int32'});
  const embedding = tfl.layers.embedding({inputDim: table.length, outputDim: table[0].length});
  const output = embedding.apply(ids) as tfl.SymbolicTensor;
  const model = tfl.model({inputs: ids, outputs: output});
  tf.tidy(() => embedding.setWeights([tf.tensor2d(table)]));
  return model;
}

const batchOf = (...ids: number[]) => tf.tensor2d(ids, [1, ids.length], 'int32');

describe('energyProfile', () => {
  it('tells what tokens alone explain from what is left', async () => {
    // Token 0 along e₁ with energy 9, token 1 along e₂ with 1.
    const model = modelOf([
      [3, 0, 0, 0],
      [0, 1, 0, 0],
    ]);
    const batches = [
      batchOf(...Array<number>(20).fill(0), ...Array<number>(20).fill(1)),
      batchOf(0, 1),
    ];
    const profile = await energyProfile(model, model.outputs[0], batches);
    expect([profile.width, profile.tokens]).toEqual([4, 2]);
    expect(profile.plain.ranks).toEqual([
      {share: 0.9, rank: 1},
      {share: 0.95, rank: 2},
      {share: 0.99, rank: 2},
    ]);
    expect(profile.plain.kept.map(({rank}) => rank)).toEqual([2, 1, 1, 1]);
    expect(profile.plain.kept[1].energy).toBeCloseTo(0.9, 5);
    // Means of 20 tokens with a ridge of 1: 20·3 + 1.5 and 0.5 over 21 for token 0, 1.5 and 20.5 for token 1.
    const left = 2 * ((1.5 / 21) ** 2 + (0.5 / 21) ** 2);
    expect(profile.anchorShare).toBeCloseTo(1 - left / 10, 4);
    tf.dispose(batches);
    model.dispose();
  });

  it('does not take the mean of a token seen once for an anchor of it', async () => {
    const random = tf.randomNormal([64, 4], 0, 1, 'float32', 3);
    const model = modelOf((await random.array()) as number[][]);
    random.dispose();
    const half = Array.from({length: 32}, (_, i) => i);
    const batches = [batchOf(...half), batchOf(...half.map((id) => id + 32))];
    const {anchorShare} = await energyProfile(model, model.outputs[0], batches);
    // None of the tokens measured was seen before: their anchors are the mean of all, which says next to nothing.
    expect(Math.abs(anchorShare)).toBeLessThan(0.2);
    await expectAsync(energyProfile(model, model.outputs[0], [batches[0]])).toBeRejectedWithError(
      /got 1 batches, expected at least 2/,
    );
    tf.dispose(batches);
    model.dispose();
  });
});
