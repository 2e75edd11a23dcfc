import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {
  type AnchorEmbedding,
  type BoundaryDecoder,
  type BoundaryEncoder,
  projectionBoundary,
} from '../../src/layers/index.js';
import mapl from '../fixtures/mapl.json' with {type: 'json'};
import {expectClose, flat, roundTrip, setWeights, take, weightNames} from './support.js';

const golden = mapl.boundary;
const [batch, time, width, rank, vocabSize] = [2, 5, 32, 8, 20];

function input(d: number): [tfl.SymbolicTensor, tfl.SymbolicTensor] {
  return [tfl.input({shape: [null, d]}), tfl.input({shape: [null], dtype: 'int32'})];
}

function half(layer: tfl.layers.Layer, d: number): tfl.LayersModel {
  const inputs = input(d);
  return tfl.model({inputs, outputs: layer.apply(inputs) as tfl.SymbolicTensor});
}

describe('boundary.encoder() and boundary.decoder()', () => {
  it('agree with the fixture, with half of the projector gradient each', async () => {
    const boundary = projectionBoundary({name: 'golden', rank, vocabSize});
    const encoder = boundary.encoder();
    const decoder = boundary.decoder();
    const sender = half(encoder, width);
    const receiver = half(decoder, rank);
    setWeights(sender, {
      'golden/projector': golden.A,
      'golden.sender_anchors/table': golden.senderTable,
      'golden.sender_anchors/basis': golden.senderBasis,
    });
    setWeights(receiver, {
      'golden.receiver_anchors/table': golden.receiverTable,
      'golden.receiver_anchors/basis': golden.receiverBasis,
    });
    const a = Float32Array.from(flat(golden.A));
    encoder.setWireProjector(a);
    decoder.setWireProjector(a);
    const x = tf.tensor3d(flat(golden.X), [batch, time, width]);
    const ids = tf.tensor2d(flat(golden.ids), [batch, time], 'int32');
    const z = sender.predict([x, ids]) as tf.Tensor3D;
    expectClose(await z.data(), flat(golden.Z), 1e-5, 'z');
    expectClose(await take(receiver.predict([z, ids]) as tf.Tensor), flat(golden.Xhat), 1e-5, 'x̂');

    const dx = tf.tensor3d(flat(golden.dXhat), [batch, time, width]);
    const down = (input: tf.Tensor) =>
      tf.sum(tf.mul(receiver.apply([input, ids]) as tf.Tensor, dx)) as tf.Scalar;
    const dz = tf.grad(down)(z) as tf.Tensor3D;
    expectClose(await dz.data(), flat(golden.dZ), 1e-5, 'dz');
    const wireGradient = (loss: () => tf.Scalar, layer: BoundaryEncoder | BoundaryDecoder) => {
      const wire = layer.wireProjector.read() as tf.Variable;
      const {value, grads} = tf.variableGrads(loss, [wire]);
      value.dispose();
      return grads[wire.name];
    };
    const up = () => tf.sum(tf.mul(sender.apply([x, ids]) as tf.Tensor, dz)) as tf.Scalar;
    const halves = [wireGradient(up, encoder), wireGradient(() => down(z), decoder)];
    expectClose(await take(tf.addN(halves)), flat(golden.dA), 1e-5, 'sum of both halves');
    tf.dispose([x, ids, z, dx, dz, ...halves]);
    sender.dispose();
    receiver.dispose();
  });

  it('list each weight once over all stages, wire copies nowhere', () => {
    const first = projectionBoundary({name: 'b0', rank: 2, vocabSize, units: 6});
    const second = projectionBoundary({
      name: 'b1',
      rank: 2,
      vocabSize,
      units: 6,
      senderAnchors: first.receiverAnchors as AnchorEmbedding,
    });
    const stage0 = half(first.encoder(), 6);
    const [z, ids] = input(2);
    const x = first.decoder().apply([z, ids]) as tfl.SymbolicTensor;
    const out = second.encoder().apply([x, ids]) as tfl.SymbolicTensor;
    const stage1 = tfl.model({inputs: [z, ids], outputs: out});
    const stage2 = half(second.decoder(), 2);
    const names = [stage0, stage1, stage2].map((stage) => weightNames(stage.weights).sort());
    expect(names).toEqual([
      ['b0.sender_anchors/basis', 'b0.sender_anchors/table', 'b0/projector'],
      ['b0.receiver_anchors/basis', 'b0.receiver_anchors/table', 'b1/projector'],
      ['b1.receiver_anchors/basis', 'b1.receiver_anchors/table'],
    ]);
    [stage0, stage1, stage2].forEach((stage) => stage.dispose());
  });

  it('start with the master and keep their own copies afterwards', async () => {
    const boundary = projectionBoundary({rank: 2, vocabSize, units: 4, seed: 3});
    const decoder = boundary.decoder();
    const receiver = half(decoder, 2);
    const encoder = boundary.encoder();
    const sender = half(encoder, 4);
    const master = Array.from(await boundary.projector.read().data());
    expect(Array.from(await encoder.wireProjector.read().data())).toEqual(master);
    expect(Array.from(await decoder.wireProjector.read().data())).toEqual(master);
    encoder.setWireProjector(new Float32Array(8).fill(0.5));
    expect(Array.from(await boundary.projector.read().data())).toEqual(master);
    expect(Array.from(await decoder.wireProjector.read().data())).toEqual(master);
    expect(() => encoder.setWireProjector(new Float32Array(7))).toThrowError(
      /got 7 values, expected 8 for shape \[4, 2\]/,
    );
    sender.dispose();
    receiver.dispose();
  });

  it('equal the whole boundary on the same weights', async () => {
    const boundary = projectionBoundary({rank: 3, vocabSize, seed: 1});
    const whole = half(boundary, 6);
    const sender = half(boundary.encoder(), 6);
    const receiver = half(boundary.decoder(), 3);
    const x = tf.randomNormal([2, 3, 6], 0, 1, 'float32', 4);
    const ids = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32');
    const z = sender.predict([x, ids]) as tf.Tensor;
    const split = await take(receiver.predict([z, ids]) as tf.Tensor);
    expect(Array.from(split)).toEqual(Array.from(await take(whole.predict([x, ids]) as tf.Tensor)));
    tf.dispose([x, ids, z]);
    // Weights live as long as one of the three models does.
    const projector = boundary.projector.read();
    whole.dispose();
    sender.dispose();
    expect(projector.isDisposed).toBe(false);
    receiver.dispose();
    expect(projector.isDisposed).toBe(true);
  });

  it('come back from save and load with their sharing', async () => {
    const first = projectionBoundary({name: 's0', rank: 2, vocabSize, units: 6});
    const senderAnchors = first.receiverAnchors as AnchorEmbedding;
    const second = projectionBoundary({name: 's1', rank: 2, vocabSize, units: 6, senderAnchors});
    const [z, ids] = input(2);
    const x = first.decoder().apply([z, ids]) as tfl.SymbolicTensor;
    const out = second.encoder().apply([x, ids]) as tfl.SymbolicTensor;
    const stage = tfl.model({inputs: [z, ids], outputs: out});
    const loaded = await roundTrip(stage);
    expect(weightNames(loaded.weights)).toEqual(weightNames(stage.weights));
    const decoder = loaded.getLayer('s0.decoder') as BoundaryDecoder;
    const encoder = loaded.getLayer('s1.encoder') as BoundaryEncoder;
    expect(encoder.senderAnchors).toBe(decoder.receiverAnchors);
    stage.dispose();
    loaded.dispose();
  });

  it('say what is missing', () => {
    const boundary = projectionBoundary({rank: 2, vocabSize});
    const [z, ids] = input(2);
    expect(() => boundary.decoder().apply([z, ids])).toThrowError(
      /width d of the activations is not known yet/,
    );
    const encoder = boundary.encoder();
    expect(() => encoder.setWireProjector(new Float32Array(4))).toThrowError(
      /before the layer was applied/,
    );
    const known = projectionBoundary({rank: 2, vocabSize, units: 4});
    expect(() => known.decoder().apply(input(3))).toThrowError(/width 3, expected 2/);
    expect(() => known.encoder().apply(input(5))).toThrowError(/width 5, expected 4/);
  });
});
