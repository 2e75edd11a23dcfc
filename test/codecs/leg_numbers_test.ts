/** What single leg codecs do to values, beyond what the battery asks of all of them. */
import * as tf from '@tensorflow/tfjs-core';
import {getLegCodec, type Crossing, type LegContext} from '../../src/codecs/index.js';
import {crossingUniform} from '../../src/codecs/crossing_random.js';
import {hadamard} from '../../src/codecs/hadamard.js';
import {seededNormal} from '../../src/manifolds/seeded_normal.js';

function ends(codec: string, options: Record<string, unknown> = {}, width = 0) {
  const leg = getLegCodec(codec).create(options);
  const context: LegContext = {boundary: 0, direction: 'backward', width, seed: 5, half: null};
  const sender = leg.sender(context);
  const receiver = leg.receiver(context);
  return async (values: ArrayLike<number>, shape: number[], at: Partial<Crossing> = {}) => {
    const where = {step: 0, microbatch: 0, training: true, ...at};
    const tensors = await sender.pack(tf.tensor(Float32Array.from(values), shape), where);
    const y = await receiver.unpack(tensors, where);
    const arrived = Array.from(await y.data());
    y.dispose();
    return {arrived, bytes: tensors[0].bytes};
  };
}

function normals(count: number, seed = 1): Float32Array {
  const next = seededNormal(seed);
  return Float32Array.from({length: count}, () => next());
}

const rootMeanSquare = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.sqrt(Array.from(a).reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length);

describe('float16 leg', () => {
  it('rounds to the nearest half, ties to even', async () => {
    const cross = ends('float16', {scaled: false});
    const table: Array<[number, number]> = [
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [65519.9, 0x7bff],
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [1 + 2 ** -11 + 2 ** -20, 0x3c01],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [2 ** -25, 0x0000],
      [1.5 * 2 ** -24, 0x0002],
      [2 ** -14 - 2 ** -25, 0x0400],
      [-0, 0x8000],
      [1e-30, 0x0000],
    ];
    const values = table.map(([value]) => value);
    const {bytes} = await cross(values, [values.length]);
    const halves = Array.from(new Uint16Array(bytes.slice().buffer));
    expect(halves).toEqual(table.map(([, half]) => half));
  });

  it('brings all 63488 finite halves over', async () => {
    const all = Array.from({length: 0x10000}, (_, half) => half).filter(
      (h) => (h & 0x7c00) < 0x7c00,
    );
    const values = all.map((half) => {
      const exponent = (half >> 10) & 31;
      const size = exponent === 0 ? 2 ** -24 : 2 ** (exponent - 25);
      return (half & 0x8000 ? -1 : 1) * ((half & 1023) + (exponent === 0 ? 0 : 1024)) * size;
    });
    const {arrived, bytes} = await ends('float16', {scaled: false})(values, [values.length]);
    expect(arrived).toEqual(values);
    expect(Array.from(new Uint16Array(bytes.slice().buffer))).toEqual(all);
  });

  it('keeps values that halves have no room for, unless told to cross as they are', async () => {
    for (const factor of [1e-12, 1e12, 2 ** -130]) {
      const values = normals(40).map((x) => x * factor);
      const {arrived} = await ends('float16')(values, [5, 8]);
      arrived.forEach((y, i) => {
        const bound = Math.max(2 ** -11 * Math.abs(values[i]), 2 ** -24 * factor, 2 ** -149);
        expect(Math.abs(y - values[i])).toBeLessThanOrEqual(bound);
      });
    }
    await expectAsync(
      ends('float16', {scaled: false})([1, 65520, 3, 4], [2, 2]),
    ).toBeRejectedWithError(/'float16': the value at \[0, 1\] is 65520, expected at most 65504/);
  });
});

describe('int8 and int4 legs', () => {
  it('round by chance without bias', async () => {
    for (const codec of ['int8', 'int4']) {
      const values = normals(32, 4);
      const cross = ends(codec, {stochastic: true});
      const sum = new Float64Array(values.length);
      const count = 600;
      for (let step = 0; step < count; step++) {
        (await cross(values, [1, 32], {step})).arrived.forEach((y, i) => (sum[i] += y));
      }
      const level =
        values.reduce((m, x) => Math.max(m, Math.abs(x)), 0) / (codec === 'int8' ? 127 : 7);
      // Uniform errors of one level have a deviation of at most half a level.
      const bound = (5 * 0.5 * level * (codec === 'int8' ? 1 : 1.5)) / Math.sqrt(count);
      sum.forEach((s, i) => expect(Math.abs(s / count - values[i])).toBeLessThan(bound));
      const nearest = await ends(codec)(values, [1, 32]);
      const biased = nearest.arrived.some((y, i) => Math.abs(y - values[i]) > bound);
      expect(biased).toBe(true);
    }
  });

  it('send what they lost of a microbatch in the next step', async () => {
    for (const [codec, options] of [
      ['int8', {errorFeedback: true}],
      ['int4', {errorFeedback: true, stochastic: true}],
      ['top-k', {errorFeedback: true, share: 0.25}],
    ] as const) {
      const cross = ends(codec, options);
      const values = [normals(32, 1), normals(32, 2)];
      const sums = values.map((v) => new Float64Array(v.length));
      for (let step = 0; step < 200; step++) {
        for (const microbatch of [0, 1]) {
          const {arrived} = await cross(values[microbatch], [1, 32], {step, microbatch});
          arrived.forEach((y, i) => (sums[microbatch][i] += y));
        }
      }
      // All but what is still kept back has arrived: the mean is 200 times as good as one crossing.
      values.forEach((v, m) => {
        const mean = sums[m].map((s) => s / 200);
        const largest = v.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
        const bound = {int8: 0.02 / 127, int4: 0.02 / 7, 'top-k': 0.1}[codec] * largest;
        expect(rootMeanSquare(mean, v)).withContext(codec).toBeLessThan(bound);
      });
    }
  });

  it('keep to one size of batches where errors are kept', async () => {
    const cross = ends('int8', {errorFeedback: true});
    await cross(normals(32), [1, 32]);
    await expectAsync(cross(normals(64), [2, 32])).toBeRejectedWithError(
      /errorFeedback has an error of shape \[1, 32\] for microbatch 0, now \[2, 32\] crosses/,
    );
  });

  it('spread an outlier over its group by a rotation', async () => {
    const values = normals(64, 9);
    values[5] = 60;
    const others = (arrived: number[]) =>
      rootMeanSquare(
        arrived.filter((_, i) => i !== 5),
        values.filter((_, i) => i !== 5),
      );
    const rotated = others((await ends('int4')(values, [1, 64])).arrived);
    const plain = others((await ends('int4', {hadamard: false})(values, [1, 64])).arrived);
    expect(rotated).toBeLessThan(0.75 * plain);
    const bulk = normals(512, 3);
    const small = await ends('int4', {group: 32})(bulk, [2, 256]);
    expect(rootMeanSquare(small.arrived, bulk)).toBeLessThan(0.12);
  });

  it('rotate by an orthogonal matrix that is its own inverse', () => {
    const values = Float64Array.from(normals(32));
    const turned = values.slice();
    hadamard(turned, 32);
    const norm = (v: Float64Array) => v.reduce((sum, x) => sum + x * x, 0);
    expect(norm(turned)).toBeCloseTo(norm(values), 10);
    expect(Array.from(turned)).not.toEqual(Array.from(values));
    hadamard(turned, 32);
    values.forEach((x, i) => expect(turned[i]).toBeCloseTo(x, 12));
    const pair = Float64Array.from([3, 1]);
    hadamard(pair, 2);
    expect(pair[0]).toBeCloseTo(4 / Math.SQRT2, 12);
    expect(pair[1]).toBeCloseTo(2 / Math.SQRT2, 12);
  });

  it('hit the exact levels, in the bytes described', async () => {
    // Largest 127: the scale is 1, bfloat16 0x3f80.
    const {arrived, bytes} = await ends('int8')([127, -127, 0, 3.4, -3.6], [1, 5]);
    expect(arrived).toEqual([127, -127, 0, 3, -4]);
    expect(Array.from(bytes)).toEqual([0x80, 0x3f, 254, 0, 127, 130, 123]);
    const four = await ends('int4', {hadamard: false})([7, -7, 0, 2], [1, 4]);
    expect(Array.from(four.bytes)).toEqual([0x80, 0x3f, 0x0e, 0x97]);
    expect(four.arrived).toEqual([7, -7, 0, 2]);
  });

  it('refuse values whose scale would leave float32', async () => {
    for (const codec of ['int8', 'int4']) {
      await expectAsync(ends(codec)([3e38, 1], [1, 2])).toBeRejectedWithError(
        new RegExp(`codec '${codec}': a value of [23].*e\\+38 crosses, expected at most 2\\^120`),
      );
    }
  });
});

describe('top-k leg', () => {
  it('keeps the largest values of each token, the first of equal ones', async () => {
    const {arrived, bytes} = await ends('top-k', {share: 0.5})(
      [1, -4, 2, 0, 3, 3, -3, 3, 0, 0, 0, 0],
      [3, 4],
    );
    expect(arrived).toEqual([0, -4, 2, 0, 3, 3, 0, 0, 0, 0, 0, 0]);
    // Two places of two bits take a byte, as the bitmap does.
    expect(bytes.length).toBe(3 * (1 + 2 * 2));
    expect(Array.from(bytes.subarray(0, 3))).toEqual([0b0110, 0b0011, 0b0011]);
  });

  it('writes places as numbers where they are few', async () => {
    const values = new Float32Array(256);
    values[3] = 5;
    values[200] = -1;
    const {arrived, bytes} = await ends('top-k', {share: 2 / 256})(values, [1, 256]);
    expect(Array.from(bytes.subarray(0, 2))).toEqual([3, 200]);
    expect(bytes.length).toBe(2 + 4);
    expect(arrived).toEqual(Array.from(values));
  });

  it('keeps everything with a share of one', async () => {
    const values = normals(24).map((x) => Math.round(8 * x) / 8);
    const {arrived} = await ends('top-k', {share: 1})(values, [2, 12]);
    expect(arrived).toEqual(Array.from(values));
  });
});

describe('aq-sgd leg', () => {
  const keys = [1, 2];
  const shape = [2, 4, 8];

  it('sends a sequence whole, then its changes, and comes ever closer to one that stays', async () => {
    const cross = ends('aq-sgd', {bits: 2, stochastic: false}, 8);
    const values = normals(64);
    const other = values.map((x, i) => x + 0.3 * Math.sin(i));
    expect((await cross(values, shape, {keys})).bytes.length).toBe(2 + 2 * 64);
    const errors: number[] = [];
    for (let step = 1; step < 6; step++) {
      const {arrived, bytes} = await cross(other, shape, {step, keys});
      expect(bytes.length).toBe(2 + 8 * (2 + 2));
      errors.push(rootMeanSquare(arrived, other));
    }
    errors.slice(1).forEach((error, i) => expect(error).toBeLessThanOrEqual(errors[i]));
    expect(errors[4]).toBeLessThan(0.1 * errors[0]);
  });

  it('remembers nothing of an evaluation, and sequences of another length anew', async () => {
    const cross = ends('aq-sgd', {}, 8);
    const values = normals(64);
    for (let i = 0; i < 2; i++) {
      const {bytes} = await cross(values, shape, {keys, training: false});
      expect(Array.from(bytes.subarray(0, 2))).toEqual([0, 0]);
    }
    await cross(values, shape, {keys});
    expect((await cross(values, shape, {keys})).bytes[0]).toBe(1);
    expect((await cross(values, shape, {keys})).bytes[0]).toBe(2);
    expect((await cross(values.subarray(0, 32), [2, 2, 8], {keys})).bytes[0]).toBe(0);
    // The same sequence twice in a microbatch: the second is a change of the first.
    const twice = await cross(values, shape, {keys: [9, 9]});
    expect(Array.from(twice.bytes.subarray(0, 2))).toEqual([0, 1]);
  });

  it('tells another receiver what it remembers, once, after they met', async () => {
    const leg = getLegCodec('aq-sgd').create({bits: 2});
    const context: LegContext = {boundary: 0, direction: 'forward', width: 8, seed: 0, half: null};
    const [sender, old, other] = [
      leg.sender(context),
      leg.receiver(context),
      leg.receiver(context),
    ];
    const row = 8 * 4;
    for (let step = 0; step < 130; step++) {
      const at = {step, microbatch: 0, training: true, keys};
      if (step === 128) [sender, other].forEach((end) => end.meet!());
      const packed = await sender.pack(tf.tensor(normals(64, step), shape), at);
      const met = step === 128 ? 2 * row : 0;
      const change = step === 0 ? 2 * row : (row / 8) * (2 + 2);
      expect(packed[0].bytes.length).toBe(2 + 2 * (met + change));
      const end = step < 128 ? old : other;
      if (step === 128) {
        const cut = [{...packed[0], bytes: packed[0].bytes.subarray(0, 40)}];
        await expectAsync(end.unpack(cut, at)).toBeRejectedWithError(
          /38 bytes arrived with a memory of visit 1, expected 64 or more/,
        );
      }
      (await end.unpack(packed, at)).dispose();
    }
    // One that forgot, with a receiver that remembers: whole again.
    const anew = leg.sender(context);
    [anew, other].forEach((end) => end.meet!());
    const at = {step: 130, microbatch: 0, training: true, keys};
    const values = normals(64, 130).map((x) => Math.round(4 * x) / 4);
    const arrived = await other.unpack(await anew.pack(tf.tensor(values, shape), at), at);
    expect(Array.from(await arrived.data())).toEqual(Array.from(values));
    arrived.dispose();
  });

  it('says when the ends remember different things, keys are missing, or memory runs out', async () => {
    const leg = getLegCodec('aq-sgd').create();
    const context: LegContext = {boundary: 0, direction: 'forward', width: 8, seed: 0, half: null};
    const sender = leg.sender(context);
    const at = {step: 0, microbatch: 0, training: true, keys};
    const pack = (where = at) => sender.pack(tf.tensor(normals(64), shape), where);
    await pack();
    const later = await pack();
    await expectAsync(leg.receiver(context).unpack(later, at)).toBeRejectedWithError(
      /sequence 0 of microbatch 0 was sent as its visit 1, this end expects 0 \(0: whole\)/,
    );
    await expectAsync(pack({...at, keys: [1]})).toBeRejectedWithError(
      /shape \[2, 4, 8\] crosses with 1 keys, expected .* a key for each sequence/,
    );
    const small = ends('aq-sgd', {memoryMB: 100 / 2 ** 20}, 8);
    await expectAsync(small(normals(64), shape, {keys})).toBeRejectedWithError(
      /sequences take more than memoryMB = .*raise memoryMB, train on fewer, or use another codec/,
    );
  });
});

describe('random numbers of a crossing', () => {
  it('are uniform, and others for every leg, step and microbatch', () => {
    const leg = {seed: 1, boundary: 0, direction: 'forward' as const};
    const draw = (of: Partial<typeof leg> | {direction: 'backward'}, step = 0, microbatch = 0) => {
      const uniform = crossingUniform({...leg, ...of}, {step, microbatch});
      return Array.from({length: 4096}, (_, i) => uniform(i));
    };
    const all = [
      draw({}),
      draw({seed: 2}),
      draw({boundary: 1}),
      draw({direction: 'backward'}),
      draw({}, 1),
      draw({}, 0, 1),
    ];
    expect(draw({})).toEqual(all[0]);
    all.forEach((numbers, i) => {
      const mean = numbers.reduce((sum, x) => sum + x, 0) / 4096;
      expect(Math.abs(mean - 0.5)).toBeLessThan((5 * 0.289) / 64);
      const counts = new Array<number>(16).fill(0);
      numbers.forEach((x) => counts[Math.floor(16 * x)]++);
      const chi = counts.reduce((sum, n) => sum + (n - 256) ** 2 / 256, 0);
      // Chi squared of 15 degrees of freedom passes 50 once in 80 000 times.
      expect(chi).toBeLessThan(50);
      for (const others of all.slice(0, i)) {
        const product = numbers.reduce((sum, x, k) => sum + (x - 0.5) * (others[k] - 0.5), 0);
        expect(Math.abs(product / 4096)).toBeLessThan(5 / 12 / 64);
      }
    });
  });
});
