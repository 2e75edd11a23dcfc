import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {
  anchorEmbedding,
  type AnchorEmbedding,
  projectionBoundary,
  type ProjectionBoundary,
} from '../../src/layers/index.js';
import {expectClose, roundTrip, take, weightNames} from './support.js';

const [d, rank, vocabSize] = [6, 2, 5];

/** Two boundaries; the middle stage has one table. */
function twoBoundaries(): tfl.LayersModel {
  const x = tfl.input({shape: [null, d]});
  const ids = tfl.input({shape: [null], dtype: 'int32'});
  const first = projectionBoundary({name: 'first', rank, vocabSize});
  const senderAnchors = first.receiverAnchors as AnchorEmbedding;
  const second = projectionBoundary({name: 'second', rank, vocabSize, senderAnchors});
  let y = first.apply([x, ids]) as tfl.SymbolicTensor;
  y = tfl.layers.dense({units: d, name: 'between'}).apply(y) as tfl.SymbolicTensor;
  return tfl.model({inputs: [x, ids], outputs: second.apply([y, ids]) as tfl.SymbolicTensor});
}

function expectShared(model: tfl.LayersModel): void {
  const first = model.getLayer('first') as ProjectionBoundary;
  const second = model.getLayer('second') as ProjectionBoundary;
  expect(second.senderAnchors).toBe(first.receiverAnchors);
  expect(second.receiverAnchors).not.toBe(first.receiverAnchors);
  const tables = weightNames(model.weights).filter((name) => name.endsWith('/table'));
  expect(tables.sort()).toEqual([
    'first.receiver_anchors/table',
    'first.sender_anchors/table',
    'second.receiver_anchors/table',
  ]);
}

describe('anchors shared by two boundaries', () => {
  it('are listed once, by the boundary that built them', () => {
    const model = twoBoundaries();
    expectShared(model);
    expect(weightNames(model.getLayer('second').weights)).not.toContain(
      'first.receiver_anchors/table',
    );
    model.dispose();
  });

  it('get the gradients of both', async () => {
    const model = twoBoundaries();
    const x = tf.randomNormal([2, 3, d], 0, 1, 'float32', 1);
    const ids = tf.tensor2d([0, 1, 2, 3, 4, 0], [2, 3], 'int32');
    const {receiverAnchors} = model.getLayer('first') as ProjectionBoundary;
    const table = receiverAnchors?.table.read() as tf.Variable;
    const loss = () => tf.sum(tf.square(model.apply([x, ids]) as tf.Tensor)) as tf.Scalar;
    const {value, grads} = tf.variableGrads(loss, [table]);
    const gradient = await take(grads[table.name]);
    value.dispose();
    // Central difference along the gradient: (L(E + hg) − L(E − hg)) / 2h = ‖g‖².
    const at = async (step: number) => {
      const start = tf.clone(table);
      tf.tidy(() => table.assign(tf.add(start, tf.mul(tf.tensor(gradient, table.shape), step))));
      const [result] = await take(tf.tidy(loss));
      table.assign(start);
      start.dispose();
      return result;
    };
    const norm2 = gradient.reduce((sum, g) => sum + g * g, 0);
    const h = 0.05 / Math.sqrt(norm2);
    const slope = ((await at(h)) - (await at(-h))) / (2 * h);
    expect(Math.abs(slope / norm2 - 1)).toBeLessThan(2e-3);
    tf.dispose([x, ids]);
    model.dispose();
  });

  it('are shared again after save and load', async () => {
    const model = twoBoundaries();
    const loaded = await roundTrip(model);
    expectShared(loaded);
    const x = tf.randomNormal([1, 3, d], 0, 1, 'float32', 1);
    const ids = tf.tensor2d([[0, 1, 2]], [1, 3], 'int32');
    const run = (m: tfl.LayersModel) => take(m.predict([x, ids]) as tf.Tensor);
    expectClose(await run(loaded), await run(model), 1e-7);
    const again = await roundTrip(loaded);
    expectShared(again);
    tf.dispose([x, ids]);
    [model, loaded, again].forEach((m) => m.dispose());
  });

  it('are disposed with their last user', () => {
    const before = tf.memory().numTensors;
    const model = twoBoundaries();
    // 2 projectors, 3 tables, 3 bases, dense kernel and bias
    expect(tf.memory().numTensors).toBe(before + 10);
    expect(model.dispose().numDisposedVariables).toBe(10);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('need the same width', () => {
    const first = projectionBoundary({rank, vocabSize});
    const second = projectionBoundary({
      rank,
      vocabSize,
      senderAnchors: first.receiverAnchors as AnchorEmbedding,
    });
    const ids = tf.zeros([1, 1], 'int32');
    (first.apply([tf.zeros([1, 1, 6]), ids]) as tf.Tensor).dispose();
    expect(() => second.apply([tf.zeros([1, 1, 8]), ids])).toThrowError(
      /has units = 6, but '.*' has activations of width 8/,
    );
    ids.dispose();
    first.dispose();
  });
});

describe('AnchorEmbedding', () => {
  it('applied alone gives E[ids] P', async () => {
    const layer = anchorEmbedding({
      vocabSize: 3,
      anchorRank: 2,
      units: 4,
      initializerRange: 1,
      seed: 2,
    });
    const ids = tf.tensor2d([[2, 0]], [1, 2], 'int32');
    const out = layer.apply(ids) as tf.Tensor;
    expect(out.shape).toEqual([1, 2, 4]);
    const e = await layer.table.read().data();
    const p = await layer.basis!.read().data();
    const row = (token: number) =>
      [0, 1, 2, 3].map((j) => e[2 * token] * p[j] + e[2 * token + 1] * p[4 + j]);
    expectClose(await take(out), [...row(2), ...row(0)], 1e-6);
    expect(weightNames(layer.weights)).toEqual([`${layer.name}/table`, `${layer.name}/basis`]);
    expect(weightNames(layer.trainableWeights)).toEqual([`${layer.name}/table`]);
    ids.dispose();
    layer.dispose();
  });

  it('has orthonormal rows in its basis and starts at zero', async () => {
    const layer = anchorEmbedding({vocabSize: 3, anchorRank: 2, units: 4});
    layer.build();
    const gram = tf.tidy(() => {
      const p = layer.basis!.read() as tf.Tensor2D;
      return tf.matMul(p, p, false, true);
    });
    expectClose(await take(gram), [1, 0, 0, 1], 1e-6);
    expect(Array.from(await layer.table.read().data())).toEqual([0, 0, 0, 0, 0, 0]);
    layer.dispose();
  });

  it('works in a model by itself and beside a boundary that shares it', async () => {
    const x = tfl.input({shape: [null, d]});
    const ids = tfl.input({shape: [null], dtype: 'int32'});
    const anchors = anchorEmbedding({name: 'own', vocabSize, anchorRank: 2, units: d});
    const added = anchors.apply(ids) as tfl.SymbolicTensor;
    const boundary = projectionBoundary({name: 'b', rank, vocabSize, senderAnchors: anchors});
    const crossed = boundary.apply([x, ids]) as tfl.SymbolicTensor;
    const sum = tfl.layers.add().apply([added, crossed]) as tfl.SymbolicTensor;
    const model = tfl.model({inputs: [x, ids], outputs: sum});
    const names = weightNames(model.weights);
    expect(names.filter((name) => name === 'own/table').length).toBe(1);
    const loaded = await roundTrip(model);
    expect(weightNames(loaded.weights).sort()).toEqual(names.sort());
    model.dispose();
    loaded.dispose();
  });

  it('refuses bad arguments', () => {
    expect(() => anchorEmbedding({vocabSize: 3, anchorRank: 5, units: 4})).toThrowError(
      /anchorRank is 5, expected at most the width 4/,
    );
    expect(() => anchorEmbedding({vocabSize: 0, anchorRank: 1})).toThrowError(/vocabSize is 0/);
    const layer = anchorEmbedding({vocabSize: 3, anchorRank: 2});
    const ids = tf.tensor2d([[1]], [1, 1], 'int32');
    expect(() => layer.apply(ids)).toThrowError(/units is missing/);
    const known = anchorEmbedding({vocabSize: 3, anchorRank: 2, units: 2});
    expect(() => known.apply(tf.tensor2d([[3]], [1, 1], 'int32'))).toThrowError(
      /= 3 is outside the vocabulary/,
    );
    ids.dispose();
  });
});
