/** What the page is made of, without a page. */
import * as tf from '@tensorflow/tfjs-core';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {DeviceError, explain, isOutOfMemory} from '../../../examples/browser/faults.js';
import {History} from '../../../examples/browser/history.js';
import {Session} from '../../../examples/browser/session.js';
import {checkSettings, DEFAULTS, type Settings} from '../../../examples/browser/settings.js';
import {bytes, cleanText, subwords} from '../../../examples/browser/vocabulary.js';
import {guarded} from '../../../examples/browser/training_loop.js';
import type {RunningBackend} from '../../../examples/browser/backends.js';

const root = path.resolve(import.meta.dirname, '../../..');
const SETTINGS: Settings = {
  ...DEFAULTS,
  size: 'tiny',
  stages: 2,
  vocabulary: 'bytes',
  context: 32,
  batchSize: 2,
};
const TEXT = 'The ship sailed. Das Schiff fuhr. 船は出た。 '.repeat(40);

async function losses(session: Session, steps: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < steps; i++) all.push(await session.trainStep());
  return all;
}

describe('Session of the page', () => {
  it('goes on after a snapshot with the same bits as without', async () => {
    const ids = await bytes.encode(TEXT);
    const whole = Session.start(SETTINGS, bytes, ids);
    await losses(whole, 3);
    // What IndexedDB does to it.
    const snapshot = structuredClone(await whole.snapshot());
    const expected = await losses(whole, 3);
    whole.dispose();
    const resumed = await Session.resume(snapshot, bytes, ids);
    expect(resumed.step).toBe(3);
    expect(await losses(resumed, 3)).toEqual(expected);
    expect(resumed.step).toBe(6);
    resumed.dispose();
  });

  it('leaves no tensors behind', async () => {
    const ids = await bytes.encode(TEXT);
    const before = tf.memory().numTensors;
    const session = Session.start(SETTINGS, bytes, ids);
    await losses(session, 2);
    const during = tf.memory().numTensors;
    await losses(session, 1);
    await session.measureBoundaries();
    for await (const _ of session.sample('The ', {tokens: 3, temperature: 1, seed: 1}));
    await session.snapshot();
    expect(tf.memory().numTensors).toBe(during);
    session.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('measures boundaries on the last batch, once there is one', async () => {
    const ids = await bytes.encode(TEXT);
    const session = Session.start(SETTINGS, bytes, ids);
    expect(await session.measureBoundaries()).toEqual([]);
    await session.trainStep();
    const [health, ...others] = await session.measureBoundaries();
    expect(others).toEqual([]);
    expect(health.captured).toBeGreaterThan(0);
    expect(health.captured).toBeLessThan(1);
    expect(health.orthogonality).toBeLessThan(1e-5);
    session.dispose();
  });

  it('bills what crosses: rank 16 of 64 in bfloat16, one byte for the id', async () => {
    const session = Session.start(SETTINGS, bytes, await bytes.encode(TEXT));
    const {bytes: sent, uncompressed} = session.traffic();
    expect(uncompressed - sent).toBe(2 * 2 * (64 - 16));
    session.dispose();
  });

  it('samples the same for the same seed, whatever the length of the prompt', async () => {
    const session = Session.start(SETTINGS, bytes, await bytes.encode(TEXT));
    const write = async (prompt: string, seed: number) => {
      let last = '';
      const options = {tokens: 6, temperature: 1, seed};
      for await (const text of session.sample(prompt, options)) last = text;
      return last;
    };
    expect(await write('The ', 3)).toBe(await write('The ', 3));
    expect(await write('x'.repeat(100), 3)).not.toBe('');
    expect(await write('', 3)).not.toBe('');
    session.dispose();
  });

  it('refuses short texts and damaged runs, without leaving tensors', async () => {
    const short = Int32Array.from({length: 32}, () => 1);
    expect(() => Session.start(SETTINGS, bytes, short)).toThrowError(
      /has 32 tokens, and a sequence takes 33/,
    );
    const ids = await bytes.encode(TEXT);
    const session = Session.start(SETTINGS, bytes, ids);
    const snapshot = await session.snapshot();
    session.dispose();
    const before = tf.memory().numTensors;
    snapshot.weights.shift();
    await expectAsync(Session.resume(snapshot, bytes, ids)).toBeRejectedWithError(
      /stored run is damaged/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('stops when the loss is no number', async () => {
    const session = Session.start(SETTINGS, bytes, await bytes.encode(TEXT));
    const [weight] = session.model.trainableWeights;
    tf.tidy(() => {
      weight.write(tf.fill(weight.shape as number[], NaN));
    });
    await expectAsync(session.trainStep()).toBeRejectedWithError(/lower learning rate than 0.02/);
    session.dispose();
  });
});

describe('Vocabularies of the page', () => {
  const TEXTS = ['', 'Hello, world!', 'Grüße, 世界! Привет 👩‍👩‍👧', ' two  spaces\n\nand lines '];
  const json = JSON.parse(
    readFileSync(path.join(root, 'assets/tokenizer/tokenizer.json'), 'utf8'),
  ) as unknown;

  for (const [name, vocabulary] of Object.entries({bytes, subwords: subwords(json)})) {
    it(`${name}: every text comes back, and is no longer than its bytes`, async () => {
      const long = 'Grüße aus der Ferne, und noch ein Wort. '.repeat(3000);
      for (const text of [...TEXTS, long]) {
        const ids = await vocabulary.encode(text);
        expect(vocabulary.decode(Array.from(ids))).toBe(text);
        expect(ids.length).toBeLessThanOrEqual(new TextEncoder().encode(text).length);
        expect(ids.every((id) => id >= 0 && id < vocabulary.size)).toBe(true);
      }
    });
  }

  it('cleans line ends and halves of characters', () => {
    expect(cleanText('a\r\nb\rc\ud800d')).toBe('a\nb\nc\ufffdd');
  });
});

describe('Small parts of the page', () => {
  it('keeps a bounded history, in order, with the latest steps whole', () => {
    const history = new History();
    for (let step = 1; step <= 10_000; step++) history.add(step, step, 1);
    const {points} = history;
    expect(points.length).toBeLessThanOrEqual(2048);
    expect(points.slice(-500).map(({step}) => step)).toEqual(
      Array.from({length: 500}, (_, i) => 9501 + i),
    );
    expect(points.every(({step}, i) => i === 0 || step > points[i - 1].step)).toBe(true);
  });

  it('checks settings from a form or from storage', () => {
    expect(checkSettings({})).toEqual(DEFAULTS);
    expect(() => checkSettings({size: 'huge' as 'tiny'})).toThrowError(/Size is "huge"; expected/);
    expect(() => checkSettings({stages: 3})).toThrowError(/stages is 3; expected one of 1, 2, 4/);
    expect(() => checkSettings({learningRate: NaN})).toThrowError(/Learning rate is null/);
  });

  it('knows a lack of memory in the words of each backend', () => {
    for (const message of [
      'Array buffer allocation failed',
      'Aborted(OOM). Build with -sASSERTIONS',
      'WebAssembly.Memory.grow(): Maximum memory size exceeded',
      'The GPU reported an error: Out of memory',
    ]) {
      expect(isOutOfMemory(new Error(message)))
        .withContext(message)
        .toBe(true);
      expect(explain(new Error(message))).toContain('Choose a smaller model');
    }
    expect(isOutOfMemory(new Error('there is no room in this bloom'))).toBe(false);
  });

  it('blames the device, not what failed because of it', async () => {
    let lose: (error: Error) => void = () => {};
    const lost = new Promise<never>((_, reject) => (lose = reject));
    const backend: RunningBackend = {name: 'webgpu', description: '', lost, check: () => {}};
    const work = Promise.reject(new Error('mapAsync was aborted'));
    setTimeout(() => lose(new DeviceError('The GPU device was lost.')), 10);
    await expectAsync(guarded(work, backend)).toBeRejectedWithError(/device was lost/);
    const aborted = Promise.reject(new DOMException('Buffer was unmapped', 'AbortError'));
    const silent = {...backend, lost: new Promise<never>(() => {})};
    await expectAsync(guarded(aborted, silent)).toBeRejectedWithError(DeviceError);
    const never = new Promise<void>(() => {});
    await expectAsync(guarded(never, backend)).toBeRejectedWithError(/device was lost/);
  });
});
