import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {ResidualBottleneck} from '../../src/layers/index.js';
import {expectClose, flat, roundTrip, setWeights, take, weightNames} from './support.js';

const d = 4;
const rank = 2;
const x = [
  [
    [0.5, -1, 2, 0.25],
    [1, 0.5, -0.5, -2],
    [0, 3, 1, 0.125],
  ],
];
const weights = {
  'b/encoder.first.weight': [
    [0.5, -1],
    [0.25, 2],
    [-0.5, 0.75],
    [1, 0.5],
  ],
  'b/encoder.second.weight': [
    [1, -0.5],
    [0.25, 2],
  ],
  'b/decoder.first.weight': [
    [1, 0.5],
    [-2, 0.25],
  ],
  'b/decoder.second.weight': [
    [0.5, 1, -1, 2],
    [0.25, -0.5, 1, 0],
  ],
};

function modelOf(boundary: ResidualBottleneck): tfl.LayersModel {
  const input = tfl.input({shape: [null, d]});
  return tfl.model({inputs: input, outputs: boundary.apply(input) as tfl.SymbolicTensor});
}

/** `x I + silu(x W₁) W₂` of each row, written out. */
function half(rows: number[][], first: number[][], second: number[][]): number[][] {
  const width = second[0].length;
  return rows.map((row) => {
    const hidden = first[0].map((_, j) => row.reduce((sum, v, i) => sum + v * first[i][j], 0));
    const active = hidden.map((h) => h / (1 + Math.exp(-h)));
    return Array.from(
      {length: width},
      (_, j) => (row[j] ?? 0) + active.reduce((sum, a, i) => sum + a * second[i][j], 0),
    );
  });
}

describe('ResidualBottleneck', () => {
  it('computes x I + silu(x W₁) W₂ each way', async () => {
    const model = modelOf(new ResidualBottleneck({name: 'b', rank}));
    setWeights(model, weights);
    const input = tf.tensor3d(x);
    const z = half(x[0], weights['b/encoder.first.weight'], weights['b/encoder.second.weight']);
    const expected = half(z, weights['b/decoder.first.weight'], weights['b/decoder.second.weight']);
    expectClose(await take(model.predict(input) as tf.Tensor), flat(expected));
    input.dispose();
    model.dispose();
  });

  it('starts as the identity of the first coordinates', async () => {
    const model = modelOf(new ResidualBottleneck({rank, seed: 3}));
    const input = tf.tensor3d(x);
    const out = await take(model.predict(input) as tf.Tensor);
    expect(Array.from(out)).toEqual(x[0].flatMap((row) => [row[0], row[1], 0, 0]));
    input.dispose();
    model.dispose();
  });

  it('is cut in halves with its own weights', async () => {
    const boundary = new ResidualBottleneck({name: 'b', rank});
    const model = modelOf(boundary);
    setWeights(model, weights);
    const before = tf.memory().numTensors;
    const [left, right] = [tfl.input({shape: [null, d]}), tfl.input({shape: [null, rank]})];
    const sender = tfl.model({
      inputs: left,
      outputs: boundary.encoder().apply(left) as tfl.SymbolicTensor,
    });
    const receiver = tfl.model({
      inputs: right,
      outputs: boundary.decoder().apply(right) as tfl.SymbolicTensor,
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(weightNames(sender.weights)).toEqual([
      'b/encoder.first.weight',
      'b/encoder.second.weight',
    ]);
    expect(weightNames(receiver.weights)).toEqual([
      'b/decoder.first.weight',
      'b/decoder.second.weight',
    ]);
    const input = tf.tensor3d(x);
    const z = sender.predict(input) as tf.Tensor;
    expect(z.shape).toEqual([1, 3, rank]);
    const whole = await take(model.predict(input) as tf.Tensor);
    expect(Array.from(await take(receiver.predict(z) as tf.Tensor))).toEqual(Array.from(whole));
    tf.dispose([input, z]);
    sender.dispose();
    expect(model.weights.every((weight) => !weight.read().isDisposed)).toBeTrue();
    receiver.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(before - 4);
  });

  it('has gradients in all its weights and its input', async () => {
    const model = modelOf(new ResidualBottleneck({name: 'b', rank}));
    setWeights(model, weights);
    const input = tf.tensor3d(x);
    const loss = (value: tf.Tensor) => tf.sum(tf.square(model.apply(value) as tf.Tensor));
    const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
    const {value, grads} = tf.variableGrads(() => loss(input) as tf.Scalar, variables);
    const base = (await take(value))[0];
    for (const [i, weight] of model.trainableWeights.entries()) {
      const step = tf.tidy(() => tf.mul(grads[variables[i].name], 1e-3));
      const gradient = await take(grads[variables[i].name]);
      const moved = tf.tidy(() => tf.add(weight.read(), step));
      weight.write(moved);
      const after = (await take(tf.tidy(() => loss(input))))[0];
      const square = gradient.reduce((sum, g) => sum + g * g, 0);
      expect(square).toBeGreaterThan(0);
      // A small step along the gradient raises the loss by its squared norm.
      expectClose([(after - base) / 1e-3], [square], 0.15, weight.originalName);
      const back = tf.sub(moved, step);
      weight.write(back);
      tf.dispose([step, moved, back]);
    }
    input.dispose();
    model.dispose();
  });

  it('comes back from its config', async () => {
    const model = modelOf(new ResidualBottleneck({name: 'b', rank, hiddenWidth: 3, seed: 7}));
    const loaded = await roundTrip(model);
    expect(weightNames(loaded.weights)).toEqual(weightNames(model.weights));
    const layer = loaded.getLayer('b') as ResidualBottleneck;
    expect([layer.rank, layer.hiddenWidth, layer.seed]).toEqual([2, 3, 7]);
    const input = tf.tensor3d(x);
    const [one, two] = [model, loaded].map((m) => m.predict(input) as tf.Tensor);
    expect(Array.from(await take(two))).toEqual(Array.from(await take(one)));
    input.dispose();
    model.dispose();
    loaded.dispose();
  });

  it('says what is wrong with its arguments', () => {
    expect(() => new ResidualBottleneck({rank: 0})).toThrowError(
      /rank is 0, expected a whole number/,
    );
    expect(() => new ResidualBottleneck({rank: 2, hiddenWidth: 1.5})).toThrowError(
      /hiddenWidth is 1\.5/,
    );
    expect(() => modelOf(new ResidualBottleneck({rank: 9}))).toThrowError(
      /rank is 9, expected at most the width 4/,
    );
    expect(() => new ResidualBottleneck({rank: 2}).encoder()).toThrowError(/apply it first/);
    const flatInput = tfl.input({shape: [d]});
    expect(() => new ResidualBottleneck({rank: 2}).apply(flatInput)).toThrowError(
      /expected \[batch, time, width\]/,
    );
  });
});
