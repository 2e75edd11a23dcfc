import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {
  projectionBoundary,
  ResidualVectorQuantizer,
  residualVectorQuantizer,
} from '../../src/layers/index.js';
import {rvqDecode, rvqEncode} from '../../src/ops/index.js';
import {normal, toTensor} from '../support/dense.js';
import {expectClose, roundTrip, weightNames} from './support.js';
import golden from '../fixtures/mapl.json' with {type: 'json'};

const TRAINING = {training: true};
const settings = {groups: 2, rounds: 2, codes: 4, warmupSteps: 2, seed: 3};

/** A batch of vectors of width 4 around eight points. */
const batch = (seed: number) => toTensor(normal([2, 16, 4], seed)) as tf.Tensor3D;

async function weightsOf(layer: tfl.layers.Layer): Promise<number[][]> {
  return Promise.all(layer.weights.map(async (w) => Array.from(await w.read().data())));
}

describe('ResidualVectorQuantizer', () => {
  it('gives the reconstruction of the fixture with its codebooks', async () => {
    const {z, codebooks, zhat, groups, rounds, codebookSize} = golden.rvq;
    const layer = residualVectorQuantizer({groups, rounds, codes: codebookSize});
    layer.build([null, 8]);
    layer.setCodebooks(tf.tensor4d(codebooks));
    const out = layer.apply(tf.tensor2d(z)) as tf.Tensor;
    expectClose(await out.data(), (zhat as number[][]).flat(), 1e-6);
    const indices = layer.encode(tf.tensor2d(z));
    expect(Array.from(await layer.decode(indices).data())).toEqual(Array.from(await out.data()));
  });

  it('passes vectors unchanged until k-means, then quantises', async () => {
    const layer = residualVectorQuantizer(settings);
    const x = batch(1);
    for (let step = 0; step < 2; step++) {
      expect(layer.ready || false).toBe(false);
      const out = layer.apply(x, TRAINING) as tf.Tensor;
      expect(Array.from(await out.data())).toEqual(Array.from(await x.data()));
    }
    expect(layer.ready).toBe(true);
    const books = layer.codebooks();
    const out = layer.apply(x) as tf.Tensor;
    expect(out.shape).toEqual(x.shape);
    const expected = rvqDecode(rvqEncode(x, books), books);
    expect(Array.from(await out.data())).toEqual(Array.from(await expected.data()));
    const error = tf.mean(tf.square(tf.sub(out, x)));
    expect((await error.data())[0]).toBeLessThan(0.25);
  });

  it('learns once per step from all its microbatches', async () => {
    // One step of two microbatches equals one step of their concatenation, but for the vectors that replace dead codes.
    const together = residualVectorQuantizer({...settings, deadCodeThreshold: 0, update: 'step'});
    const apart = residualVectorQuantizer({...settings, deadCodeThreshold: 0, update: 'step'});
    const books = toTensor(normal([2, 2, 4, 2], 9));
    for (const layer of [together, apart]) {
      layer.build([null, null, 4]);
      layer.setCodebooks(books);
    }
    const [a, b] = [batch(1), batch(2)];
    together.apply(tf.concat([a, b]), TRAINING);
    together.endStep();
    apart.apply(a, TRAINING);
    apart.apply(b, TRAINING);
    expect(Array.from(await apart.codebooks().data())).toEqual(Array.from(await books.data()));
    apart.endStep();
    const [one, two] = [await weightsOf(together), await weightsOf(apart)];
    expect(one[0]).not.toEqual(Array.from(await books.data()));
    for (const [i, values] of one.entries()) {
      expectClose(two[i], values, 1e-5, apart.weights[i].name);
    }
  });

  it('brings dead codes back to life', async () => {
    // Far from all data, three of four codes are never chosen; the default threshold is 2.
    const layer = residualVectorQuantizer({groups: 1, rounds: 1, codes: 4, seed: 1, decay: 0.5});
    layer.build([null, 1]);
    layer.setCodebooks(tf.tensor4d([0, 100, 200, 300], [1, 1, 4, 1]));
    const x = toTensor(normal([64, 1], 4));
    const data = new Set(await x.data());
    layer.apply(x, TRAINING);
    // Counts 2, 2, 2, 2 → 33, 1, 1, 1: dead in the next step.
    layer.apply(x, TRAINING);
    const [, ...revived] = Array.from(await layer.codebooks().data());
    expect(revived.every((code) => data.has(code))).toBe(true);
    const counts = Array.from(await layer.weights[1].read().data());
    expect(counts).toEqual([48.5, 2, 2, 2]);
    layer.apply(x, TRAINING);
    const used = new Set(await layer.encode(x).data());
    expect(used.size).toBeGreaterThan(1);
  });

  it('drops rounds at random in training, the same from one seed', async () => {
    const make = () => {
      const layer = residualVectorQuantizer({
        ...settings,
        rounds: 3,
        quantizeDropout: 1,
        decay: 0.9,
      });
      layer.build([null, null, 4]);
      layer.setCodebooks(toTensor(normal([3, 2, 4, 2], 9)));
      return layer;
    };
    const [one, two] = [make(), make()];
    const seen = new Set<number>();
    for (let step = 0; step < 6; step++) {
      const books = one.codebooks();
      const [first, x] = [books.clone(), batch(step)];
      const out = await (one.apply(x, TRAINING) as tf.Tensor).data();
      const same = await (two.apply(x, TRAINING) as tf.Tensor).data();
      expect(Array.from(same)).toEqual(Array.from(out));
      for (const used of [1, 2, 3]) {
        const some = tf.slice(first, [0, 0, 0, 0], [used, 2, 4, 2]);
        const expected = await rvqDecode(rvqEncode(x, some), some).data();
        if (expected.every((value, i) => value === out[i])) seen.add(used);
      }
    }
    expect([...seen].sort()).toEqual([1, 2]);
  });

  it('has the gradients it says', async () => {
    const x = tf.tensor2d([[2, 0]]);
    const dy = tf.tensor2d([[3, 5]]);
    const gradient = async (args: object) => {
      const layer = residualVectorQuantizer({groups: 1, rounds: 1, codes: 1, ...args});
      layer.build([null, 2]);
      layer.setCodebooks(tf.tensor4d([0, 4], [1, 1, 1, 2]));
      const grad = tf.grad((z: tf.Tensor) => layer.apply(z) as tf.Tensor);
      return Array.from(await grad(x, dy).data());
    };
    expect(await gradient({})).toEqual([3, 5]);
    expectClose(await gradient({gradient: 'rotation'}), [10, -6], 1e-6);
    // β·2/2·(z − ẑ) = 0.5·(2, −4).
    expect(await gradient({commitment: 0.5})).toEqual([4, 3]);
  });

  it('trains inside a model under fit, and survives save and load', async () => {
    const input = tfl.input({shape: [6]});
    const quantizer = residualVectorQuantizer({...settings, name: 'q', decay: 0.8});
    const hidden = tfl.layers.dense({units: 4, name: 'in'}).apply(input);
    const out = tfl.layers.dense({units: 6, name: 'out'}).apply(quantizer.apply(hidden));
    const model = tfl.model({inputs: input, outputs: out as tfl.SymbolicTensor});
    const optimizer = tf.train.sgd(0.05);
    model.compile({optimizer, loss: 'meanSquaredError'});
    expect(weightNames(model.nonTrainableWeights)).toEqual([
      'q/codebooks',
      'q/cluster_sizes',
      'q/sums',
      'q/progress',
    ]);
    const x = toTensor(normal([32, 6], 1));
    const {history} = await model.fit(x, x, {batchSize: 32, epochs: 6, verbose: 0});
    expect(quantizer.ready).toBe(true);
    expect(Array.from(await quantizer.weights[3].read().data())).toEqual([6, 1]);
    expect((history.loss as number[]).every(Number.isFinite)).toBe(true);
    const loaded = await roundTrip(model);
    const copy = loaded.getLayer('q') as ResidualVectorQuantizer;
    expect(copy).toBeInstanceOf(ResidualVectorQuantizer);
    expect(copy.getConfig()).toEqual(quantizer.getConfig());
    expect(await weightsOf(copy)).toEqual(await weightsOf(quantizer));
    const expected = Array.from(await (model.predict(x) as tf.Tensor).data());
    expect(Array.from(await (loaded.predict(x) as tf.Tensor).data())).toEqual(expected);
    // Both go on alike.
    const z = toTensor(normal([32, 4], 5));
    for (let step = 0; step < 2; step++) {
      quantizer.apply(z, TRAINING);
      copy.apply(z, TRAINING);
    }
    expect(await weightsOf(copy)).toEqual(await weightsOf(quantizer));
    loaded.dispose();
    model.dispose();
    optimizer.dispose();
  });

  it('quantises z inside a projection boundary', async () => {
    const boundary = projectionBoundary({
      name: 'b',
      rank: 4,
      vocabSize: 5,
      quantizer: {...settings, update: 'step'},
    });
    const x = tfl.input({shape: [3, 6]});
    const ids = tfl.input({shape: [3], dtype: 'int32'});
    const model = tfl.model({
      inputs: [x, ids],
      outputs: boundary.apply([x, ids]) as tfl.SymbolicTensor,
    });
    expect(weightNames(model.nonTrainableWeights)).toContain('b.quantizer/codebooks');
    const inputs = () => [
      toTensor(normal([8, 3, 6], 1)),
      tf.tensor2d(
        Array.from({length: 24}, (_, i) => i % 5),
        [8, 3],
        'int32',
      ),
    ];
    const quantizer = boundary.quantizer!;
    const plain = await (model.apply(inputs(), TRAINING) as tf.Tensor).data();
    quantizer.endStep();
    model.apply(inputs(), TRAINING);
    quantizer.endStep();
    expect(quantizer.ready).toBe(true);
    const whole = await (model.predict(inputs()) as tf.Tensor).data();
    expect(Array.from(whole)).not.toEqual(Array.from(plain));
    // The halves with the quantiser between them.
    const encoder = boundary.encoder();
    const decoder = boundary.decoder();
    expect(encoder.quantizer).toBe(quantizer);
    const [values, tokens] = inputs();
    const z = quantizer.quantize(encoder.apply([values, tokens]) as tf.Tensor, false);
    const halves = await (decoder.apply([z, tokens]) as tf.Tensor).data();
    expect(Array.from(halves)).toEqual(Array.from(whole));
    expect(weightNames(encoder.nonTrainableWeights)).toContain('b.quantizer/sums');
    expect(weightNames(decoder.weights)).not.toContain('b.quantizer/sums');
    const loaded = await roundTrip(model);
    expect(Array.from(await (loaded.predict(inputs()) as tf.Tensor).data())).toEqual(
      Array.from(whole),
    );
    [loaded, model].forEach((m) => m.dispose());
    [encoder, decoder].forEach((half) => half.dispose());
  });

  it('names what is wrong', () => {
    const make = (args: object) => () => residualVectorQuantizer(args as typeof settings);
    expect(make({})).toThrowError(/groups is missing, expected a whole number of at least 1/);
    expect(make({groups: 0})).toThrowError(/groups is 0, expected a whole number of at least 1/);
    expect(make({groups: 1, codes: 65537})).toThrowError(/codes is 65537, expected .* 1 to 65536/);
    expect(make({groups: 1, decay: 1})).toThrowError(/decay is 1, expected a number in \[0, 1\)/);
    expect(make({groups: 1, gradient: 'x'})).toThrowError(/gradient is 'x', expected 'straight-/);
    expect(make({groups: 1, update: 'x'})).toThrowError(/update is "x", expected 'call' or 'step'/);
    expect(make({groups: 1, warmupSteps: 0})).toThrowError(/warmupSteps is 0, expected .* 1 to/);
    const layer = residualVectorQuantizer({groups: 3});
    expect(() => layer.codebooks()).toThrowError(/no codebooks yet: train it for 100 steps/);
    expect(() => layer.quantize(tf.zeros([1, 3]), false)).toThrowError(/is not built yet/);
    expect(() => layer.apply(tf.zeros([2, 4]))).toThrowError(
      /groups is 3, expected a divisor of .* 4/,
    );
    layer.build([null, 6]);
    expect(() => layer.setCodebooks(tf.zeros([1]))).toThrowError(
      /have shape \[1\], expected \[2,3,256/,
    );
    expect(() => layer.quantize(tf.zeros([1, 3]), false)).toThrowError(/width 3, expected 6/);
    expect(() => layer.quantize(tf.zeros([1, 6], 'int32'), false)).toThrowError(
      /'z' is a int32 tensor of shape \[1,6\]; expected dtype float32/,
    );
    expect(() => projectionBoundary({rank: 4, vocabSize: 2, quantizer: {groups: 3}})).toThrowError(
      /ProjectionBoundary '.*': groups is 3, expected a divisor of the width 4/,
    );
  });
});
