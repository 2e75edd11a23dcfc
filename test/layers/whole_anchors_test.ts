import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {anchorEmbedding, projectionBoundary} from '../../src/layers/index.js';
import {expectClose, roundTrip, take, weightNames} from './support.js';

const d = 4;
const rank = 2;
const vocabSize = 3;

function build(trainable: boolean) {
  const make = (name: string, seed: number) =>
    anchorEmbedding({
      name,
      vocabSize,
      units: d,
      factorised: false,
      initializerRange: 1,
      seed,
      trainable,
    });
  const [sender, receiver] = [make('s', 1), make('r', 2)];
  const boundary = projectionBoundary({
    name: 'b',
    rank,
    vocabSize,
    seed: 5,
    senderAnchors: sender,
    receiverAnchors: receiver,
  });
  const x = tfl.input({shape: [null, d]});
  const ids = tfl.input({shape: [null], dtype: 'int32'});
  const outputs = boundary.apply([x, ids]) as tfl.SymbolicTensor;
  return {boundary, sender, receiver, model: tfl.model({inputs: [x, ids], outputs})};
}

const inputs = () => [
  tf.tensor3d([
    [
      [0.5, -1, 2, 0.25],
      [1, 0.5, -0.5, -2],
    ],
  ] as number[][][]),
  tf.tensor2d([[2, 0]], [1, 2], 'int32'),
];

describe('anchors without a basis', () => {
  it('give x̂ = (x − S[ids]) A Aᵀ + R[ids]', async () => {
    const {boundary, sender, receiver, model} = build(true);
    const given = inputs();
    const out = await take(model.predict(given) as tf.Tensor);
    const read = (weight: tfl.LayerVariable) => weight.read().data() as Promise<Float32Array>;
    const [a, s, r] = await Promise.all(
      [boundary.projector, sender.table, receiver.table].map(read),
    );
    const x = await given[0].data();
    const expected = [2, 0].flatMap((token, row) => {
      const rest = [0, 1, 2, 3].map((j) => x[d * row + j] - s[d * token + j]);
      const z = [0, 1].map((k) => rest.reduce((sum, v, j) => sum + v * a[rank * j + k], 0));
      return [0, 1, 2, 3].map(
        (j) => z[0] * a[rank * j] + z[1] * a[rank * j + 1] + r[d * token + j],
      );
    });
    expectClose(out, expected);
    expect(weightNames(model.trainableWeights)).toEqual(['b/projector', 's/table', 'r/table']);
    expect(model.nonTrainableWeights.length).toBe(0);
    tf.dispose(given);
    model.dispose();
  });

  it('have gradients by token: −G_Z Aᵀ for the sender, G for the receiver', async () => {
    const {boundary, sender, receiver, model} = build(true);
    const given = inputs();
    const tables = [sender, receiver].map(({table}) => table.read() as tf.Variable);
    const {value, grads} = tf.variableGrads(
      () => tf.sum(model.apply(given) as tf.Tensor) as tf.Scalar,
      tables,
    );
    // The gradient of the sum is 1 everywhere: G = 1, G_Z = 1 A.
    const a = await boundary.projector.read().data();
    const columns = [0, 1].map((k) => [0, 1, 2, 3].reduce((sum, j) => sum + a[rank * j + k], 0));
    const back = [0, 1, 2, 3].map((j) => -columns[0] * a[rank * j] - columns[1] * a[rank * j + 1]);
    const none = [0, 0, 0, 0];
    expectClose(await take(grads[tables[0].name]), [...back, ...none, ...back]);
    expectClose(await take(grads[tables[1].name]), [1, 1, 1, 1, ...none, 1, 1, 1, 1]);
    tf.dispose([value, ...given]);
    model.dispose();
  });

  it('stay as they are when not trainable, and are saved all the same', async () => {
    const {model} = build(false);
    expect(weightNames(model.trainableWeights)).toEqual(['b/projector']);
    expect(weightNames(model.nonTrainableWeights)).toEqual(['s/table', 'r/table']);
    const loaded = await roundTrip(model);
    expect(weightNames(loaded.trainableWeights)).toEqual(['b/projector']);
    const given = inputs();
    const [one, two] = [model, loaded].map((m) => m.predict(given) as tf.Tensor);
    expect(Array.from(await take(two))).toEqual(Array.from(await take(one)));
    tf.dispose(given);
    model.dispose();
    loaded.dispose();
  });

  it('applied alone are rows of the table', async () => {
    const layer = anchorEmbedding({
      vocabSize,
      units: d,
      factorised: false,
      initializerRange: 1,
      seed: 2,
    });
    const ids = tf.tensor2d([[2, 0]], [1, 2], 'int32');
    const out = await take(layer.apply(ids) as tf.Tensor);
    const table = await layer.table.read().data();
    expect(Array.from(out)).toEqual([...table.slice(8, 12), ...table.slice(0, 4)]);
    ids.dispose();
    layer.dispose();
  });

  it('are as wide as the activations', () => {
    expect(() =>
      anchorEmbedding({vocabSize, units: d, anchorRank: 2, factorised: false}),
    ).toThrowError(/factorised is false and anchorRank 2, expected the width units = 4/);
    expect(() => anchorEmbedding({vocabSize})).toThrowError(/anchorRank is missing/);
  });
});

describe('a projector without constraint', () => {
  it('has a name of its own, by which recipes know it', () => {
    const boundary = projectionBoundary({
      name: 'b',
      rank,
      vocabSize,
      constrained: false,
      anchors: 'none',
    });
    const x = tfl.input({shape: [null, d]});
    const ids = tfl.input({shape: [null], dtype: 'int32'});
    const outputs = boundary.apply([x, ids]) as tfl.SymbolicTensor;
    const model = tfl.model({inputs: [x, ids], outputs});
    expect(weightNames(model.trainableWeights)).toEqual(['b/unconstrained_projector']);
    model.dispose();
  });
});
