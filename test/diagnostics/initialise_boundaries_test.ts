import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {initialiseBoundaries, orthogonalityError} from '../../src/diagnostics/index.js';
import {ProjectionBoundary} from '../../src/layers/index.js';
import {llama} from '../../src/models/llama/index.js';
import {config, lossOf, read, textBatch, withBoundaries} from './support.js';

const boundariesOf = (model: tfl.LayersModel) =>
  model.layers.filter((layer) => layer instanceof ProjectionBoundary);

describe('initialiseBoundaries', () => {
  it('restores more than random starts, and keeps projectors orthonormal', async () => {
    const model = llama({...config, initializer_range: 0.3, mapl: {stages: 3, rank: 5}});
    const ids = textBatch(1);
    const starts = await initialiseBoundaries(model, [ids]);
    expect(starts.map(({name}) => name)).toEqual(['mapl.boundaries.0', 'mapl.boundaries.1']);
    for (const {capturedEnergy, restored} of starts) {
      expect(capturedEnergy).toBeGreaterThan(5 / 16);
      expect(restored).toBeGreaterThan(0.6);
      expect(restored).toBeLessThan(1);
    }
    for (const boundary of boundariesOf(model)) {
      const error = await orthogonalityError(boundary.projector.read());
      expect(error).toBeLessThan(1e-5);
    }
    ids.dispose();
    model.dispose();
  });

  it('says what is restored as measured on the activations themselves', async () => {
    const model = llama({...config, initializer_range: 0.3, mapl: {stages: 2, rank: 4}});
    const ids = textBatch(3, 32);
    const [{restored}] = await initialiseBoundaries(model, [ids]);
    const [boundary] = boundariesOf(model);
    let sums: tf.Tensor[] = [];
    boundary.setCallHook((inputs) => {
      const [x] = inputs as tf.Tensor[];
      boundary.clearCallHook();
      const out = boundary.call(inputs, {});
      sums = [tf.sum(tf.squaredDifference(x, out)), tf.sum(tf.square(x))].map((t) => tf.keep(t));
    });
    tf.dispose(model.predict(ids));
    const [difference, whole] = await Promise.all(sums.map((t) => read(t as tf.Scalar)));
    expect(restored).toBeCloseTo(1 - difference / whole, 4);
    ids.dispose();
    model.dispose();
  });

  it('lets everything through at full rank', async () => {
    const source = llama({...config, initializer_range: 0.3});
    const model = withBoundaries(source, {stages: 2, rank: 16, anchorRank: 4});
    const ids = textBatch(5);
    const [{capturedEnergy, restored}] = await initialiseBoundaries(model, [ids]);
    expect(capturedEnergy).toBeCloseTo(1, 5);
    expect(restored).toBeCloseTo(1, 4);
    const [plain, whole] = [await read(lossOf(source, ids)), await read(lossOf(model, ids))];
    expect(whole).toBeCloseTo(plain, 4);
    ids.dispose();
    source.dispose();
    model.dispose();
  });

  it('starts boundaries without anchors too', async () => {
    const model = llama({
      ...config,
      initializer_range: 0.3,
      mapl: {stages: 2, rank: 6, anchors: 'none'},
    });
    const ids = textBatch(5);
    const [{capturedEnergy, restored}] = await initialiseBoundaries(model, [ids]);
    expect(restored).toBeCloseTo(capturedEnergy, 5);
    expect(capturedEnergy).toBeGreaterThan(6 / 16);
    ids.dispose();
    model.dispose();
  });

  it('refuses what it cannot do', async () => {
    const plain = llama(config);
    const model = llama({...config, initializer_range: 0.3, mapl: {stages: 2, rank: 8}});
    const ids = textBatch(5);
    const few = tf.tensor2d([[1, 2, 3]], [1, 3], 'int32');
    await expectAsync(initialiseBoundaries(plain, [ids])).toBeRejectedWithError(
      /'llama' has no ProjectionBoundary/,
    );
    await expectAsync(initialiseBoundaries(model, [few])).toBeRejectedWithError(
      /have 3 tokens, expected at least 8/,
    );
    await expectAsync(initialiseBoundaries(model, [])).toBeRejectedWithError(/have 0 tokens/);
    await expectAsync(initialiseBoundaries(model, [ids], {energy: 0.999})).toBeRejectedWithError(
      /'mapl.boundaries.0' of rank 8 keeps .* use rank 1\d/,
    );
    await expectAsync(initialiseBoundaries(model, [ids], {energy: 2})).toBeRejectedWithError(
      /energy is 2/,
    );
    await expectAsync(initialiseBoundaries(model, [ids], {ridge: -1})).toBeRejectedWithError(
      /ridge is -1/,
    );
    tf.dispose([ids, few]);
    plain.dispose();
    model.dispose();
  });
});
