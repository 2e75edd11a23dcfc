import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {initialiseBoundaries} from '../../src/diagnostics/index.js';
import {ProjectionBoundary} from '../../src/layers/index.js';
import {llama, type LlamaConfig} from '../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {train} from '../../src/optimizers/train.js';
import {seededRandom} from '../../src/data/random.js';

const config: LlamaConfig = {
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 12,
  seed: 1,
};

/** Text with something to learn: each token is followed by one of two, and every third by its own double. */
function textBatch(seed: number, rows = 16, time = 12): tf.Tensor2D {
  const random = seededRandom(seed);
  const ids: number[] = [];
  for (let row = 0; row < rows; row++) {
    let id = Math.floor(random() * 24);
    for (let t = 0; t < time; t++) {
      ids.push(id);
      id = id % 3 === 0 ? (2 * id + 1) % 24 : (id + (random() < 0.7 ? 5 : 11)) % 24;
    }
  }
  return tf.tensor2d(ids, [rows, time], 'int32');
}

function lossOf(model: tfl.LayersModel, ids: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const [rows, time] = ids.shape;
    const inputs = tf.slice(ids, [0, 0], [rows, time - 1]);
    const targets = tf.slice(ids, [0, 1], [rows, time - 1]);
    return sparseCrossEntropy(model.apply(inputs) as tf.Tensor, targets) as tf.Scalar;
  });
}

async function read(scalar: tf.Scalar): Promise<number> {
  const [value] = await scalar.data();
  scalar.dispose();
  return value;
}

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

/** The same model with boundaries at their random start. */
function withBoundaries(source: tfl.LayersModel, mapl: LlamaConfig['mapl']): tfl.LayersModel {
  const model = llama({...config, mapl});
  for (const weight of source.weights) {
    model.weights.find((w) => w.originalName === weight.originalName)!.write(weight.read());
  }
  return model;
}

const boundariesOf = (model: tfl.LayersModel) =>
  model.layers.filter((layer) => layer instanceof ProjectionBoundary);

describe('initialiseBoundaries', () => {
  it('loses much less than random starts', async () => {
    const source = await trained();
    const batches = [1, 2, 3, 4].map((seed) => textBatch(seed));
    const heldOut = textBatch(9, 64);
    const plain = await read(lossOf(source, heldOut));
    const model = withBoundaries(source, {stages: 3, rank: 5});
    const random = await read(lossOf(model, heldOut));
    const starts = await initialiseBoundaries(model, batches);
    const started = await read(lossOf(model, heldOut));
    expect(plain).toBeLessThan(2);
    expect(random - plain).toBeGreaterThan(0.3);
    expect(started - plain).toBeLessThan(0.5 * (random - plain));
    const kept = withBoundaries(source, {stages: 3, rank: 5});
    await initialiseBoundaries(kept, batches, {basis: 'keep'});
    expect(await read(lossOf(kept, heldOut))).toBeLessThan(random);
    expect(starts.map(({name}) => name)).toEqual(['mapl.boundaries.0', 'mapl.boundaries.1']);
    for (const {capturedEnergy, restored} of starts) {
      expect(capturedEnergy).toBeGreaterThan(0.5);
      expect(restored).toBeGreaterThan(0.7);
      expect(restored).toBeLessThan(1);
    }
    for (const boundary of boundariesOf(model)) {
      const gram = tf.tidy(() => {
        const a = boundary.projector.read() as tf.Tensor2D;
        return tf.max(tf.abs(tf.sub(tf.matMul(a, a, true, false), tf.eye(5))));
      });
      expect(await read(gram as tf.Scalar)).toBeLessThan(1e-5);
    }
    tf.dispose([...batches, heldOut]);
    [source, model, kept].forEach((each) => each.dispose());
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
