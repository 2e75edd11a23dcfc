import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {bfloat16Codec, type Crossing, type LegContext} from '../../../src/codecs/index.js';
import {rvqLegCodec} from '../../../src/codecs/rvq/rvq_leg.js';
import type {BoundaryHalf} from '../../../src/layers/index.js';
import {projectionBoundary, residualVectorQuantizer} from '../../../src/layers/index.js';
import {normal, toTensor} from '../../support/dense.js';

const context = (direction: 'forward' | 'backward' = 'forward', half: BoundaryHalf | null = null) =>
  ({boundary: 0, direction, width: 4, seed: 7, half}) satisfies LegContext;
const at = (step: number, microbatch = 0, training = true): Crossing => ({
  step,
  microbatch,
  training,
});
const settings = {groups: 2, rounds: 2, codes: 4};
/** Codebooks that bfloat16 has exactly: the wire copy is then the layer's own. */
const books = () => {
  const values = Float32Array.from(normal([2, 2, 4, 2], 9).values);
  return tf.tensor4d(bfloat16Codec.unpack(bfloat16Codec.pack(values, [32]), [32]), [2, 2, 4, 2]);
};
const values = async (x: tf.Tensor) => Array.from(await x.data());
const batch = (seed: number, scale = 1) => toTensor(normal([2, 8, 4], seed, scale));

function ends(options: Record<string, unknown>, of: LegContext = context()) {
  const leg = rvqLegCodec.create({...settings, ...options});
  return {sender: leg.sender(of), receiver: leg.receiver(of)};
}

async function cross({sender, receiver}: ReturnType<typeof ends>, x: tf.Tensor, where: Crossing) {
  const tensors = await sender.pack(x, where);
  return {tensors, y: await receiver.unpack(tensors, where)};
}

async function step(pair: ReturnType<typeof ends>, number: number, microbatches = 2) {
  for (let microbatch = 0; microbatch < microbatches; microbatch++) {
    const {y} = await cross(pair, batch(10 * number + microbatch), at(number, microbatch));
    y.dispose();
  }
  await pair.sender.endStep!(number);
}

describe('leg codec rvq', () => {
  it('between the halves of a boundary gives what the whole boundary gives, gradients too', async () => {
    for (const gradient of ['straight-through', 'rotation'] as const) {
      const name = `split.${gradient}`;
      const quantizer = {...settings, gradient, commitment: 0.5, update: 'step' as const};
      const boundary = projectionBoundary({name, rank: 4, vocabSize: 5, units: 6, quantizer});
      const inputs = [
        toTensor(normal([2, 8, 6], 1)),
        tf.tensor2d(
          Array.from({length: 16}, (_, i) => i % 5),
          [2, 8],
          'int32',
        ),
      ];
      const [x, ids] = inputs;
      const dy = toTensor(normal([2, 8, 6], 2));
      boundary.apply(inputs);
      boundary.quantizer!.setCodebooks(books());
      const encoder = boundary.encoder();
      const decoder = boundary.decoder();
      const encode = (input: tf.Tensor) => encoder.apply([input, ids]) as tf.Tensor;
      const decode = (z: tf.Tensor) => decoder.apply([z, ids]) as tf.Tensor;
      const whole = (input: tf.Tensor) => boundary.apply([input, ids]) as tf.Tensor;
      const expected = await values(whole(x));
      const expectedGradient = await values(tf.grad(whole)(x, dy));
      const pair = ends({gradient, commitment: 0.5}, context('forward', encoder));
      const {tensors, y} = await cross(pair, encode(x), at(0));
      // 16 vectors × 2 rounds × 2 groups × 2 bits.
      expect(tensors[0].bytes.length).toBe(16);
      expect(await values(decode(y))).toEqual(expected);
      const dz = pair.sender.backward!(tf.grad(decode)(y, dy), at(0));
      expect(await values(tf.grad(encode)(x, dz))).toEqual(expectedGradient);
      // An evaluation gives the same, and moves nothing.
      const before = await pair.sender.measure!();
      const evaluated = await cross(pair, encode(x), at(0, 0, false));
      expect(await values(decode(evaluated.y))).toEqual(expected);
      expect(await pair.sender.measure!()).toEqual(before);
      pair.sender.dispose!();
      pair.receiver.dispose!();
      encoder.dispose();
      decoder.dispose();
    }
  });

  it('learns with the codebooks of the boundary as the layer does, and sends them slice by slice', async () => {
    const make = () => {
      const learning = {decay: 0.9, deadCodeThreshold: 0};
      const layer = residualVectorQuantizer({...settings, ...learning, update: 'step'});
      layer.build([null, null, 4]);
      layer.setCodebooks(books());
      return layer;
    };
    const [inLeg, alone] = [make(), make()];
    const half = {quantizer: inLeg} as unknown as BoundaryHalf;
    const pair = ends({deadCodeThreshold: 0}, context('forward', half));
    for (let microbatch = 0; microbatch < 2; microbatch++) {
      const x = batch(microbatch);
      const expected = await values(alone.quantize(x, true));
      expect(await values((await cross(pair, x.clone(), at(0, microbatch))).y)).toEqual(expected);
    }
    expect(await values(inLeg.codebooks())).toEqual(await values(books()));
    alone.endStep();
    await pair.sender.endStep!(0);
    expect(await values(inLeg.codebooks())).toEqual(await values(alone.codebooks()));
    expect(await values(inLeg.codebooks())).not.toEqual(await values(books()));
    // The wire copy follows in four microbatches, and is as near as bfloat16 goes.
    const staleness: number[] = [];
    for (let microbatch = 0; microbatch < 5; microbatch++) {
      staleness.push((await pair.sender.measure!()).staleness);
      (await cross(pair, batch(9), at(1, microbatch))).y.dispose();
    }
    expect(staleness[0]).toBeGreaterThan(0.01);
    for (let i = 1; i < 5; i++) expect(staleness[i]).toBeLessThan(staleness[i - 1]);
    expect(staleness[4]).toBeLessThan(2 ** -8);
    pair.sender.dispose!();
    pair.receiver.dispose!();
    [inLeg, alone].forEach((layer) => layer.release());
  });

  it('adds commitment as a mean over the microbatches, also in the first step of loaded codebooks', async () => {
    const layer = residualVectorQuantizer({...settings, commitment: 0.5, update: 'step'});
    layer.build([null, null, 4]);
    layer.setCodebooks(books());
    const half = {quantizer: layer} as unknown as BoundaryHalf;
    const pair = ends({commitment: 0.5}, {...context('forward', half), microbatches: 2});
    const inputs = [batch(1), batch(2)];
    const whole = await values(
      tf.grad((z: tf.Tensor) => layer.quantize(z, false))(tf.concat(inputs), tf.zeros([4, 8, 4])),
    );
    const parts: number[] = [];
    for (const [microbatch, x] of inputs.entries()) {
      const {y} = await cross(pair, x, at(0, microbatch));
      const dz = pair.sender.backward!(tf.zerosLike(y), at(0, microbatch));
      parts.push(...(await values(dz)));
    }
    expect(parts.some((value) => value !== 0)).toBe(true);
    parts.forEach((value, i) => expect(value).toBeCloseTo(whole[i], 7));
    pair.sender.dispose!();
    pair.receiver.dispose!();
    layer.release();
  });

  it('measures its codebooks', async () => {
    const pair = ends({warmupSteps: 1, deadCodeThreshold: 0.5});
    expect(await pair.sender.measure!()).toEqual({});
    await step(pair, 0);
    await step(pair, 1);
    const measured = await pair.sender.measure!();
    expect(measured.codeUsage).toBe(1);
    expect(measured.deadCodes).toBe(0);
    expect(measured.perplexity).toBeGreaterThan(2);
    expect(measured.perplexity).toBeLessThanOrEqual(4);
    expect(measured.quantisationError).toBeGreaterThan(0);
    expect(measured.quantisationError).toBeLessThan(0.5);
    expect(measured.staleness).toBeLessThan(0.5);
    pair.sender.dispose!();
    pair.receiver.dispose!();
  });

  it('never decodes with codes it does not have; a checkpoint gives a new receiver all of them', async () => {
    const pair = ends({warmupSteps: 1});
    await step(pair, 0);
    await step(pair, 1);
    const {receiver} = ends({warmupSteps: 1});
    const [first, second] = [
      await pair.sender.pack(batch(1), at(2, 0)),
      await pair.sender.pack(batch(2), at(2, 1)),
    ];
    await expectAsync(receiver.unpack(first, at(2, 0))).toBeRejectedWithError(
      /codec 'rvq': needs codebooks of session 0, version 3; here are none; start both ends again/,
    );
    // One is lost.
    await expectAsync(pair.receiver.unpack(second, at(2, 1))).toBeRejectedWithError(
      /needs codebooks of session 0, version 4; here are version 3/,
    );
    (await pair.receiver.unpack(first, at(2, 0))).dispose();
    await expectAsync(pair.receiver.unpack(first, at(2, 0))).toBeRejectedWithError(
      /a microbatch arrived a second time/,
    );
    await pair.sender.state!();
    const third = await pair.sender.pack(batch(3), at(2, 2));
    const [one, two] = [
      await pair.receiver.unpack(third, at(2, 2)),
      await receiver.unpack(third, at(2, 2)),
    ];
    expect(await values(two)).toEqual(await values(one));
    [pair.sender, pair.receiver, receiver].forEach((end) => end.dispose!());
  });

  it('quantises gradients of any size alike with scales of tokens', async () => {
    const errors: number[] = [];
    for (const scale of [1, 1e-9, 1e-30]) {
      const pair = ends(
        {warmupSteps: 1, scale: 'token', deadCodeThreshold: 0},
        context('backward'),
      );
      (await cross(pair, batch(1, scale), at(0))).y.dispose();
      await pair.sender.endStep!(0);
      const x = toTensor(normal([1, 16, 4], 2, scale));
      const {y, tensors} = await cross(pair, x.clone(), at(1));
      expect(tensors[0].bytes.length).toBe(16 * 2 + 16);
      const [a, b] = [await values(x), await values(y)];
      const sum = (list: number[]) => list.reduce((total, v) => total + (v / scale) ** 2, 0);
      errors.push(sum(a.map((v, i) => v - b[i])) / sum(a));
      const zeros = await cross(pair, tf.zeros([1, 2, 4]), at(1, 1));
      expect((await values(zeros.y)).every(Number.isFinite)).toBe(true);
      pair.sender.dispose!();
      pair.receiver.dispose!();
    }
    expect(errors[0]).toBeLessThan(0.4);
    expect(errors[1]).toBeCloseTo(errors[0], 2);
    expect(errors[2]).toBeCloseTo(errors[0], 2);
  });

  it('drops rounds at random, and the bytes with them', async () => {
    const pair = ends({warmupSteps: 1, quantizeDropout: 0.5});
    await step(pair, 0);
    const sizes = new Set<number>();
    for (let number = 1; number < 6; number++) {
      for (let microbatch = 0; microbatch < 2; microbatch++) {
        const {tensors, y} = await cross(pair, batch(number), at(number, microbatch));
        sizes.add(tensors[0].bytes.length);
        y.dispose();
      }
      await pair.sender.endStep!(number);
    }
    expect([...sizes].sort((a, b) => a - b)).toEqual([8, 16]);
    pair.sender.dispose!();
    pair.receiver.dispose!();
  });

  it('leaves no tensors behind', async () => {
    const pair = ends({warmupSteps: 1, gradient: 'rotation'});
    const before = tf.memory().numTensors;
    for (let number = 0; number < 3; number++) {
      for (let microbatch = 0; microbatch < 2; microbatch++) {
        const {y} = await cross(pair, batch(number), at(number, microbatch));
        pair.sender.backward!(y, at(number, microbatch)).dispose();
      }
      await pair.sender.endStep!(number);
    }
    pair.sender.setState!(await pair.sender.state!());
    pair.sender.dispose!();
    pair.receiver.dispose!();
    // The four variables of the codebooks were there before.
    expect(tf.memory().numTensors).toBe(before - 4);
  });

  it('refuses codebooks of another size than the boundary has, by name', () => {
    const boundary = projectionBoundary({
      rank: 4,
      vocabSize: 3,
      units: 6,
      quantizer: {...settings, codes: 8},
    });
    const encoder = boundary.encoder();
    encoder.apply([tfl.input({shape: [2, 6]}), tfl.input({shape: [2], dtype: 'int32'})]);
    expect(() => ends({}, context('forward', encoder))).toThrowError(
      /codes is 4, but the boundary's quantizer '.*\.quantizer' has 8/,
    );
    expect(() => ends({groups: 3})).toThrowError(/groups is 3, expected a divisor of the width 4/);
    encoder.dispose();
  });
});
