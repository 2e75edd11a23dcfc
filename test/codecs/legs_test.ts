import * as tf from '@tensorflow/tfjs-core';
import {getLegCodec, legCodecNames} from '../../src/codecs/index.js';
import type {Crossing, Leg, LegContext, LegState} from '../../src/codecs/index.js';
import {seededNormal} from '../../src/manifolds/seeded_normal.js';
import type {FrameTensor} from '../../src/pipeline/index.js';
import {legRows, rowName} from './support/leg_rows.js';

const SHAPE = [3, 5, 24];
const [ROWS, , WIDTH] = SHAPE;
const TOKENS = 15;

const context = (direction: 'forward' | 'backward', seed = 7): LegContext => ({
  boundary: 1,
  direction,
  width: WIDTH,
  seed,
  half: null,
});

/** Two ends of a leg, and what crosses between them. */
class Pair {
  readonly sender;
  readonly receiver;
  constructor(leg: Leg, direction: 'forward' | 'backward' = 'forward', seed?: number) {
    this.sender = leg.sender(context(direction, seed));
    this.receiver = leg.receiver(context(direction, seed));
  }

  async cross(values: Float32Array, at: Crossing) {
    const tensors = await this.sender.pack(tf.tensor(values, SHAPE), at);
    const y = await this.receiver.unpack(tensors, at);
    expect(y.shape).toEqual(SHAPE);
    expect(y.dtype).toBe('float32');
    const arrived = (await y.data()) as Float32Array;
    y.dispose();
    return {tensors, arrived, bytes: Array.from(joined(tensors))};
  }

  /** Crosses two microbatches a step, with an evaluation in between, and gives all bytes and values. */
  async steps(from: number, to: number) {
    const seen: number[][] = [];
    for (let step = from; step < to; step++) {
      for (let microbatch = 0; microbatch < 2; microbatch++) {
        const {arrived, bytes} = await this.cross(normals(step, microbatch), at(step, microbatch));
        seen.push(bytes, Array.from(arrived));
      }
      await this.cross(normals(step, 2), at(step, 0, false));
      await this.sender.endStep?.(step);
      await this.receiver.endStep?.(step);
    }
    return seen;
  }

  async states(): Promise<{sender?: LegState; receiver?: LegState}> {
    return {sender: await this.sender.state?.(), receiver: await this.receiver.state?.()};
  }

  dispose(): void {
    this.sender.dispose?.();
    this.receiver.dispose?.();
  }
}

/** The same sequences come in every step, as in training for several epochs. */
const at = (step: number, microbatch: number, training = true): Crossing => ({
  step,
  microbatch,
  training,
  keys: Array.from({length: ROWS}, (_, row) => 10 * microbatch + row),
});

function normals(step: number, microbatch: number): Float32Array {
  const next = seededNormal(100 * step + microbatch + 1);
  return Float32Array.from({length: TOKENS * WIDTH}, () => next());
}

function joined(tensors: readonly FrameTensor[]): Uint8Array {
  return Uint8Array.from(tensors.flatMap(({bytes}) => Array.from(bytes)));
}

const largest = (values: Float32Array) => values.reduce((m, x) => Math.max(m, Math.abs(x)), 0);

describe('leg codecs', () => {
  it('all have a row in the battery', () => {
    const names = legCodecNames().filter((name) => !name.startsWith('test:'));
    expect([...new Set(legRows.map(({codec}) => codec))].sort()).toEqual(names.sort());
  });

  for (const row of legRows) {
    describe(rowName(row), () => {
      const make = () => getLegCodec(row.codec).create(row.options);
      let pairs: Pair[];
      const pair = (...args: ConstructorParameters<typeof Pair>) =>
        pairs[pairs.push(new Pair(...args)) - 1];
      beforeEach(() => (pairs = []));
      afterEach(() => pairs.forEach((p) => p.dispose()));

      it('brings values over within its error', async () => {
        for (const direction of ['forward', 'backward'] as const) {
          const p = pair(make(), direction);
          const values = normals(0, 0);
          const {arrived} = await p.cross(values, at(0, 0));
          const bound = row.error * largest(values);
          arrived.forEach((y, i) => expect(Math.abs(y - values[i])).toBeLessThanOrEqual(bound));
          expect(largest(arrived)).toBeGreaterThan(0);
          const zeros = new Float32Array(TOKENS * WIDTH);
          const evaluated = await pair(make()).cross(zeros, at(0, 0, false));
          expect(largest(evaluated.arrived)).toBe(0);
          if (row.settledError != null) {
            await p.steps(1, 1 + (row.settle ?? 1));
            const later = normals(90, 0);
            const settled = await p.cross(later, at(90, 0));
            const most = row.settledError * largest(later);
            settled.arrived.forEach((y, i) =>
              expect(Math.abs(y - later[i])).toBeLessThanOrEqual(most),
            );
          }
        }
      });

      it('declares the bytes that it packs', async () => {
        const leg = make();
        const p = pair(leg);
        const first = await p.cross(normals(0, 0), at(0, 0, false));
        expect(first.bytes.length).toBe((row.firstBytes ?? row.bytes)(TOKENS, WIDTH, ROWS));
        const settle = row.settle ?? 1;
        await p.steps(0, settle);
        const later = await p.cross(normals(settle, 0), at(settle, 0));
        expect(later.bytes.length).toBe(row.bytes(TOKENS, WIDTH, ROWS));
        for (const width of [1, 3, 24, 31, 64, 100, 256]) {
          const bytes = row.bytes(7, width, 7);
          expect(leg.byteLength?.([7, width]) ?? bytes).toBe(bytes);
          // All but what belongs to a tensor or a sequence.
          const many = row.bytes(1e9, width, 1) / 1e9;
          expect(Math.abs(leg.bytesPerToken(width) - many)).toBeLessThan(1e-4);
        }
      });

      it('gives the same bits for the same crossings', async () => {
        const one = await pair(make(), 'backward').steps(0, 2);
        expect(await pair(make(), 'backward').steps(0, 2)).toEqual(one);
        const other = await pair(make(), 'backward', 8).steps(0, 2);
        if (row.random) {
          expect(other).not.toEqual(one);
        } else {
          expect(other).toEqual(one);
        }
      });

      it('goes on from its state as if nothing had happened', async () => {
        const whole = pair(make());
        await whole.steps(0, 2);
        const {sender, receiver} = await whole.states();
        expect(sender != null).toBe(row.stateful ?? false);
        expect(receiver != null).toBe(row.receiverStateful ?? row.stateful ?? false);
        const expected = await whole.steps(2, 4);
        const resumed = pair(make());
        await resumed.steps(7, 8);
        const fresh = pair(make());
        for (const p of [resumed, fresh]) {
          if (sender != null) p.sender.setState!(sender);
          if (receiver != null) p.receiver.setState!(receiver);
          expect(await p.states()).toEqual({sender, receiver});
          expect(await p.steps(2, 4)).toEqual(expected);
        }
        for (const [end, state] of [
          [fresh.sender, sender],
          [fresh.receiver, receiver],
        ] as const) {
          if (state != null) {
            const foreign = {oddity: {dtype: 'float32', shape: [1], values: new Float32Array(1)}};
            expect(() => end.setState!(foreign as LegState)).toThrowError(
              new RegExp(`'${row.codec}': state`),
            );
          }
        }
      });

      for (const [when, settle] of [
        ['at first', 0],
        ['in the long run', row.settle ?? 1],
      ] as const) {
        it(`names bad values, damaged and foreign packages, ${when}`, async () => {
          const p = pair(make());
          await p.steps(0, settle);
          const here = at(settle, 0);
          for (const bad of [NaN, Infinity]) {
            const values = normals(settle, 0);
            values[WIDTH + 2] = bad;
            await expectAsync(p.sender.pack(tf.tensor(values, SHAPE), here)).toBeRejectedWithError(
              new RegExp(`its output has ${bad} at \\[0, 1, 2\\]`),
            );
          }
          const tensors = await p.sender.pack(tf.tensor(normals(settle, 0), SHAPE), here);
          const [first, ...rest] = tensors;
          const reject = (changed: FrameTensor[], message: RegExp) =>
            expectAsync(p.receiver.unpack(changed, here)).toBeRejectedWithError(message);
          await reject([], /got nothing/);
          await reject([{...first, codec: 'test:other'}, ...rest], /'test:other'/);
          await reject([{...first, shape: [3, 24, 5]}, ...rest], /\[3, 24, 5\]/);
          const cut = first.bytes.subarray(0, first.bytes.length - 1);
          await reject([{...first, bytes: cut}, ...rest], /bytes|second time/);
          // Whatever bytes arrive: an error, or finite numbers of the right shape.
          const random = seededNormal(3);
          for (let i = 0; i < 20; i++) {
            const bytes = first.bytes.map(() => Math.abs(random() * 1e4) & 0xff);
            const result = await p.receiver
              .unpack([{...first, bytes}, ...rest], at(settle, 0, false))
              .catch((error: Error) => error);
            if (result instanceof Error) {
              expect(result.message).toContain(`'${row.codec}'`);
            } else {
              expect(result.shape).toEqual(SHAPE);
              expect(largest((await result.data()) as Float32Array)).toBeLessThan(Infinity);
              result.dispose();
            }
          }
        });
      }

      it('checks its options', () => {
        for (const [options, message] of row.wrong) {
          expect(() => getLegCodec(row.codec).create(options)).toThrowError(message);
        }
        const settings = JSON.parse(JSON.stringify(make().settings));
        expect(settings).toEqual(make().settings as object);
        expect(settings).toEqual(jasmine.objectContaining(row.options));
      });

      it(row.gradient ? 'gives the gradient it says' : 'hands gradients through', async () => {
        const p = pair(make());
        expect(p.sender.backward != null).toBe(row.gradient != null);
        if (row.gradient == null) return;
        const settle = row.settle ?? 1;
        await p.steps(0, settle);
        const [z, dy] = [normals(90, 0), normals(91, 0)];
        const {arrived: zhat} = await p.cross(z, at(settle, 0));
        const dz = p.sender.backward!(tf.tensor(dy, SHAPE), at(settle, 0));
        expect(dz.shape).toEqual(SHAPE);
        const expected = row.gradient({z, zhat, dy, width: WIDTH, microbatches: 2});
        const bound = 1e-5 * largest(dy);
        (await dz.data()).forEach((value, i) =>
          expect(Math.abs(value - expected[i])).toBeLessThan(bound),
        );
        expect(expected.some((value, i) => Math.abs(value - dy[i]) > 0.1)).toBe(true);
        dz.dispose();
      });
    });
  }
});
