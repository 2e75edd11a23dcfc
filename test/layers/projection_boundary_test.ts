import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {projectionBoundary, type ProjectionBoundary} from '../../src/layers/index.js';
import mapl from '../fixtures/mapl.json' with {type: 'json'};
import {expectClose, flat, roundTrip, setWeights, take, weightNames} from './support.js';

const golden = mapl.boundary;
const [batch, time, width, rank, vocabSize] = [2, 5, 32, 8, 20];

/** One boundary over two inputs. */
function boundaryModel(boundary: ProjectionBoundary, d = width): tfl.LayersModel {
  const x = tfl.input({shape: [null, d]});
  const ids = tfl.input({shape: [null], dtype: 'int32'});
  const out = boundary.apply([x, ids]) as tfl.SymbolicTensor;
  return tfl.model({inputs: [x, ids], outputs: out});
}

function goldenWeights(name: string): Record<string, unknown> {
  return {
    [`${name}/projector`]: golden.A,
    [`${name}.sender_anchors/table`]: golden.senderTable,
    [`${name}.sender_anchors/basis`]: golden.senderBasis,
    [`${name}.receiver_anchors/table`]: golden.receiverTable,
    [`${name}.receiver_anchors/basis`]: golden.receiverBasis,
  };
}

function goldenInputs(): [tf.Tensor3D, tf.Tensor2D] {
  return [
    tf.tensor3d(flat(golden.X), [batch, time, width]),
    tf.tensor2d(flat(golden.ids), [batch, time], 'int32'),
  ];
}

describe('ProjectionBoundary', () => {
  it('agrees with the fixture, forward and backward', async () => {
    const model = boundaryModel(projectionBoundary({name: 'golden', rank, vocabSize}));
    setWeights(model, goldenWeights('golden'));
    const [x, ids] = goldenInputs();
    const dy = tf.tensor3d(flat(golden.dXhat), [batch, time, width]);
    expectClose(await take(model.predict([x, ids]) as tf.Tensor), flat(golden.Xhat), 1e-5, 'x̂');

    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    // The loss Σ x̂ · dx̂ has the gradient dx̂ in x̂.
    const loss = (input: tf.Tensor) =>
      tf.sum(tf.mul(model.apply([input, ids]) as tf.Tensor, dy)) as tf.Scalar;
    const {value, grads} = tf.variableGrads(() => loss(x), variables);
    value.dispose();
    const gradient = (name: string) =>
      take(grads[model.weights.find((w) => w.originalName === name)?.name as string]);
    expectClose(await gradient('golden/projector'), flat(golden.dA), 1e-5, 'dA');
    const sender = await gradient('golden.sender_anchors/table');
    expectClose(sender, flat(golden.dSenderTable), 1e-5, 'dE of the sender');
    const receiver = await gradient('golden.receiver_anchors/table');
    expectClose(receiver, flat(golden.dReceiverTable), 1e-5, 'dE of the receiver');
    expectClose(await take(tf.grad(loss)(x)), flat(golden.dX), 1e-5, 'dX');
    tf.dispose([x, ids, dy]);
    model.dispose();
  });

  it('starts as a plain projection on an orthonormal basis', async () => {
    const boundary = projectionBoundary({rank: 3, vocabSize: 4, seed: 5});
    const model = boundaryModel(boundary, 6);
    const gram = tf.tidy(() => {
      const a = boundary.projector.read() as tf.Tensor2D;
      return tf.matMul(a, a, true, false);
    });
    expectClose(await take(gram), [1, 0, 0, 0, 1, 0, 0, 0, 1], 1e-6, 'AᵀA');
    const [x, ids] = [tf.randomNormal([1, 2, 6], 0, 1, 'float32', 1), tf.zeros([1, 2], 'int32')];
    const plain = tf.tidy(() => {
      const a = boundary.projector.read() as tf.Tensor2D;
      const rows = tf.reshape(x, [2, 6]) as tf.Tensor2D;
      return tf.matMul(tf.matMul(rows, a), a, false, true);
    });
    const out = await take(model.predict([x, ids]) as tf.Tensor);
    expectClose(out, await take(plain), 1e-6, 'x A Aᵀ');
    tf.dispose([x, ids]);
    model.dispose();
  });

  it('is the identity with rank = width and zero anchors', async () => {
    const model = boundaryModel(projectionBoundary({rank: 6, vocabSize: 4}), 6);
    const [x, ids] = [tf.randomNormal([2, 3, 6], 0, 1, 'float32', 2), tf.ones([2, 3], 'int32')];
    const expected = await x.data();
    expectClose(await take(model.predict([x, ids]) as tf.Tensor), expected, 2e-6);
    tf.dispose([x, ids]);
    model.dispose();
  });

  it('has no tables without anchors', async () => {
    const boundary = projectionBoundary({name: 'bare', rank, vocabSize, anchors: 'none'});
    const model = boundaryModel(boundary);
    expect(weightNames(model.weights)).toEqual(['bare/projector']);
    setWeights(model, {'bare/projector': golden.A});
    const [x, ids] = goldenInputs();
    const expected = tf.tidy(() => {
      const a = tf.tensor2d(flat(golden.A), [width, rank]);
      const rows = tf.reshape(x, [-1, width]) as tf.Tensor2D;
      return tf.matMul(tf.matMul(rows, a), a, false, true);
    });
    expectClose(await take(model.predict([x, ids]) as tf.Tensor), await take(expected));
    tf.dispose([x, ids]);
    model.dispose();
  });

  it('draws the same weights for the same seed, others for another', async () => {
    const values = async (seed: number) => {
      const boundary = projectionBoundary({rank: 2, vocabSize: 3, seed});
      const model = boundaryModel(boundary, 5);
      const data = await Promise.all(boundary.weights.map((weight) => weight.read().data()));
      model.dispose();
      return data.map((d) => Array.from(d));
    };
    const first = await values(3);
    expect(await values(3)).toEqual(first);
    expect((await values(4))[0]).not.toEqual(first[0]);
    const [, , , senderBasis, receiverBasis] = first;
    expect(senderBasis).not.toEqual(receiverBasis);
  });

  it('freezes a fixed projector', () => {
    const boundary = projectionBoundary({rank, vocabSize, trainableProjector: false});
    const model = boundaryModel(boundary);
    expect(weightNames(model.trainableWeights).some((name) => /projector/.test(name))).toBe(false);
    expect(weightNames(model.weights)).toContain(`${boundary.name}/projector`);
    model.dispose();
  });

  it('gives back all memory', () => {
    const before = tf.memory().numTensors;
    const model = boundaryModel(projectionBoundary({rank, vocabSize}));
    expect(tf.memory().numTensors).toBe(before + 5);
    expect(model.dispose().numDisposedVariables).toBe(5);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains under compile and fit', async () => {
    const x = tfl.input({shape: [4, 6]});
    const ids = tfl.input({shape: [4], dtype: 'int32'});
    const hidden = tfl.layers.dense({units: 6, kernelInitializer: 'identity'}).apply(x);
    const boundary = projectionBoundary({rank: 2, vocabSize: 5, seed: 1});
    const crossed = boundary.apply([hidden as tfl.SymbolicTensor, ids]) as tfl.SymbolicTensor;
    const model = tfl.model({inputs: [x, ids], outputs: crossed});
    const optimizer = tf.train.sgd(0.5);
    model.compile({optimizer, loss: 'meanSquaredError'});
    const xs = tf.randomNormal([8, 4, 6], 0, 1, 'float32', 7);
    const tokens = tf.tensor2d(
      Array.from({length: 32}, (_, i) => (i * 7) % 5),
      [8, 4],
      'int32',
    );
    const before = tf.memory().numTensors;
    const {history} = await model.fit([xs, tokens], xs, {epochs: 12, batchSize: 8, verbose: 0});
    const losses = history.loss as number[];
    expect(losses[11]).toBeLessThan(0.9 * losses[0]);
    expect(tf.memory().numTensors).toBe(before);
    const table = await boundary.receiverAnchors?.table.read().data();
    expect(Array.from(table ?? []).some((value) => value !== 0)).toBe(true);
    tf.dispose([xs, tokens]);
    optimizer.dispose();
    model.dispose();
  });

  it('hands on the mask of the activations', async () => {
    // An RNN that skips masked positions keeps its state over them: with the mask, outputs 1 to 3 are equal.
    const ids = tfl.input({shape: [4], dtype: 'int32'});
    const embedding = tfl.layers.embedding({inputDim: 5, outputDim: 6, maskZero: true});
    const boundary = projectionBoundary({rank: 2, vocabSize: 5, seed: 1});
    const crossed = boundary.apply([embedding.apply(ids) as tfl.SymbolicTensor, ids]);
    // tfjs-layers' default, orthogonal, needs the chained ops of the package tfjs.
    const args = {recurrentInitializer: 'glorotNormal' as const, returnSequences: true};
    const rnn = tfl.layers.simpleRNN({...args, units: 3});
    const model = tfl.model({inputs: ids, outputs: rnn.apply(crossed) as tfl.SymbolicTensor});
    const x = tf.tensor2d([2, 0, 0, 0], [1, 4], 'int32');
    for (const run of [() => model.predict(x), () => model.apply(x)]) {
      const [a, b, c, ...rest] = await take(tf.tidy(() => run() as tf.Tensor));
      expect(Math.abs(a) + Math.abs(b) + Math.abs(c)).toBeGreaterThan(0);
      expect(rest).toEqual([a, b, c, a, b, c, a, b, c]);
    }
    x.dispose();
    model.dispose();
  });

  it('comes back from save and load, and trains on', async () => {
    const boundary = projectionBoundary({rank, vocabSize, anchorRank: 5, seed: 9});
    const model = boundaryModel(boundary);
    const [x, ids] = goldenInputs();
    const expected = await take(model.predict([x, ids]) as tf.Tensor);
    const loaded = await roundTrip(model);
    expect(weightNames(loaded.weights)).toEqual(weightNames(model.weights));
    expectClose(await take(loaded.predict([x, ids]) as tf.Tensor), expected, 1e-7);
    const config = loaded.getLayer(boundary.name).getConfig();
    expect(config.rank).toBe(rank);
    const optimizer = tf.train.sgd(0.1);
    loaded.compile({optimizer, loss: 'meanSquaredError'});
    const {history} = await loaded.fit([x, ids], x, {epochs: 3, verbose: 0});
    expect(history.loss[2]).toBeLessThan(history.loss[0] as number);
    tf.dispose([x, ids]);
    optimizer.dispose();
    loaded.dispose();
    model.dispose();
  });
});

describe('ProjectionBoundary, bad input', () => {
  const make = (args: object) => () => projectionBoundary({rank: 2, vocabSize: 4, ...args});
  const ids = () => tfl.input({shape: [null], dtype: 'int32'});
  const apply = (x: tfl.SymbolicTensor, tokens: tfl.SymbolicTensor, args: object = {}) => {
    const boundary = make({name: 'b', ...args})();
    return () => boundary.apply([x, tokens]);
  };

  it('refuses ranks that are no rank', () => {
    expect(make({rank: 0})).toThrowError(/rank is 0, expected a whole number of at least 1/);
    expect(make({rank: 2.5})).toThrowError(/rank is 2.5, expected a whole number of at least 1/);
    expect(make({rank: NaN})).toThrowError(/rank is NaN/);
    expect(make({vocabSize: -1})).toThrowError(/vocabSize is -1/);
    expect(make({anchorRank: 0})).toThrowError(/anchorRank is 0/);
    const x = tfl.input({shape: [null, 4]});
    const message = /'b': rank is 5, expected an integer from 1 to the width d = 4/;
    expect(apply(x, ids(), {rank: 5})).toThrowError(message);
    expect(make({rank: 5, units: 4})).toThrowError(/rank is 5/);
    expect(apply(x, ids(), {anchorRank: 6})).toThrowError(
      /anchorRank is 6, expected at most the width 4/,
    );
  });

  it('refuses inputs of the wrong number, rank, dtype or shape', () => {
    const x = tfl.input({shape: [null, 4]});
    const boundary = projectionBoundary({name: 'b', rank: 2, vocabSize: 4});
    expect(() => boundary.apply(x)).toThrowError(/got 1 input\(s\), expected two/);
    expect(apply(tfl.input({shape: [4]}), ids())).toThrowError(/expected rank 3/);
    expect(apply(x, tfl.input({shape: [null, 1], dtype: 'int32'}))).toThrowError(/expected rank 2/);
    expect(apply(x, tfl.input({shape: [null]}))).toThrowError(/dtype float32, expected int32/);
    const short = apply(tfl.input({shape: [3, 4]}), tfl.input({shape: [2], dtype: 'int32'}));
    expect(short).toThrowError(/expected the same batch and time/);
    expect(apply(tfl.input({shape: [null, null]}), ids())).toThrowError(/expected a fixed width/);
    expect(apply(x, ids(), {units: 8})).toThrowError(/width 4, expected 8/);
  });

  it('refuses ids outside the vocabulary', () => {
    const boundary = projectionBoundary({rank: 2, vocabSize: 4});
    const x = tf.zeros([1, 2, 6]);
    const run = (values: number[]) => () =>
      boundary.apply([x, tf.tensor2d([values], [1, 2], 'int32')]);
    expect(run([0, 4])).toThrowError(/= 4 is outside the vocabulary/);
    expect(run([-1, 0])).toThrowError(/= -1 is outside the vocabulary/);
    const bare = projectionBoundary({rank: 2, vocabSize: 4, anchors: 'none'});
    const far = tf.tensor2d([[9, 0]], [1, 2], 'int32');
    expect(() => bare.apply([x, far])).toThrowError(/= 9 is outside the vocabulary/);
    expect(() => boundary.apply([x, tf.zeros([1, 2])])).toThrowError(/expected int32/);
  });

  it('refuses contradictory anchors', () => {
    const other = projectionBoundary({rank: 2, vocabSize: 5});
    const shared = {senderAnchors: other.receiverAnchors};
    expect(make({anchors: 'full'})).toThrowError(/anchors is "full"/);
    expect(make({anchors: 'none', ...shared})).toThrowError(/expected one or the other/);
    expect(make(shared)).toThrowError(/vocabSize 5, expected 4/);
  });
});
