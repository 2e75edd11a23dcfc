import {bfloat16Codec} from '../../../src/codecs/index.js';
import {codebookValues, messageLength} from '../../../src/codecs/rvq/codebook_message.js';
import {CodebookReceiver} from '../../../src/codecs/rvq/codebook_receiver.js';
import {CodebookSender} from '../../../src/codecs/rvq/codebook_sender.js';
import {seededUniform} from '../../../src/manifolds/seeded_normal.js';

const SIZE = {rounds: 2, groups: 2, codes: 11, width: 3};
const VALUES = codebookValues(SIZE);

/** Codebooks that drift a little with every step, as those of moving averages do. */
function drift(live: Float32Array, uniform: () => number): Float32Array {
  return live.map((value) => value + 0.1 * (uniform() - 0.5));
}

const start = (uniform: () => number) => Float32Array.from({length: VALUES}, () => uniform() - 0.5);
const rounded = (live: Float32Array) =>
  Array.from(new Uint16Array(bfloat16Codec.pack(live, [live.length]).buffer));

function pair(slices = SIZE.codes) {
  const sender = new CodebookSender({size: SIZE, slices, seed: 5});
  const receiver = new CodebookReceiver({size: SIZE});
  return {sender, receiver};
}

describe('codebook streaming', () => {
  it('sends all at first, then one code a microbatch, all of them once an epoch', () => {
    const {sender, receiver} = pair();
    const uniform = seededUniform(1);
    const before = start(uniform);
    sender.start(before);
    expect(sender.next(true).length).toBe(messageLength(SIZE, true, 1));
    sender.requestRefresh();
    receiver.receive(sender.next(false));
    const after = drift(before, uniform);
    sender.setLive(after);
    const epoch = Array.from({length: 2 * SIZE.codes - 1}, () => sender.next(true));
    for (const [i, message] of epoch.entries()) {
      // Header, an index, and 2 rounds × 6 columns of bfloat16.
      expect(message.length).toBe(16 + 2 + 24);
      expect(receiver.receive(message).status).toBe('ready');
      if (i < SIZE.codes - 2) expect(Array.from(receiver.wire)).not.toEqual(rounded(after));
    }
    expect(Array.from(receiver.wire)).toEqual(rounded(after));
    expect(Array.from(sender.wire)).toEqual(rounded(after));
  });

  it('cuts an epoch into parts of nearly one size', () => {
    const {sender} = pair(4);
    sender.start(new Float32Array(VALUES));
    sender.next(true);
    const sizes = Array.from({length: 8}, () => sender.next(true).length);
    const count = (length: number) => (length - 16) / 26;
    expect(sizes.map(count).reduce((a, b) => a + b)).toBe(22);
    expect(new Set(sizes.map(count))).toEqual(new Set([2, 3]));
  });

  it('never decodes with codes that it does not have', () => {
    const {sender, receiver} = pair();
    sender.start(start(seededUniform(1)));
    const first = sender.next(true);
    const second = sender.next(true);
    const third = sender.next(true);
    expect(receiver.receive(second)).toEqual({
      status: 'needs refresh',
      reason: 'needs codebooks of session 0, version 2; here are none',
    });
    expect(receiver.receive(first).status).toBe('ready');
    expect(receiver.receive(third)).toEqual({
      status: 'needs refresh',
      reason: 'needs codebooks of session 0, version 3; here are version 2',
    });
    expect(receiver.receive(first).status).toBe('duplicate');
    // The missing one arrives late; then the one that came too early may come again.
    expect(receiver.receive(second).status).toBe('ready');
    expect(receiver.receive(third).status).toBe('ready');
    expect(Array.from(receiver.wire)).toEqual(Array.from(sender.wire));
    // An evaluation carries no slice and changes nothing.
    const wire = Array.from(sender.wire);
    const evaluation = sender.next(false, 1);
    expect(evaluation.length).toBe(16);
    expect(receiver.receive(evaluation)).toEqual({status: 'ready', rounds: 1});
    expect(Array.from(receiver.wire)).toEqual(wire);
  });

  for (const seed of [1, 2, 3]) {
    it(`keeps both ends the same through 10000 microbatches of trouble, seed ${seed}`, () => {
      const uniform = seededUniform(seed);
      const chance = (probability: number) => uniform() < probability;
      let session = 0;
      let live: Float32Array = start(uniform);
      let sender = new CodebookSender({size: SIZE, slices: 5, seed, session});
      sender.start(live);
      let receiver = new CodebookReceiver({size: SIZE});
      let saved = {state: sender.state(), live};
      // What each microbatch was encoded with, and what is on its way.
      const encodedWith = new Map<string, string>();
      let onTheWay: Array<{key: string; bytes: Uint8Array}> = [];
      const tally = {ready: 0, duplicate: 0, 'needs refresh': 0};
      const deliver = ({key, bytes}: {key: string; bytes: Uint8Array}) => {
        const receipt = receiver.receive(bytes);
        tally[receipt.status]++;
        if (receipt.status === 'ready') {
          // What the sender encoded with, bit for bit.
          if (encodedWith.get(key) !== String(receiver.wire)) fail(`other codes at ${key}`);
        }
        // Requests are lost too; the next message makes another.
        if (receipt.status === 'needs refresh' && chance(0.8)) sender.requestRefresh();
      };
      for (let microbatch = 0; microbatch < 10_000; microbatch++) {
        if (microbatch % 4 === 0) {
          live = drift(live, uniform);
          sender.setLive(live);
        }
        if (chance(0.01)) {
          saved = {state: sender.state(), live};
        }
        if (chance(0.003)) {
          // The sender dies and comes back from its last checkpoint.
          sender = new CodebookSender({size: SIZE, slices: 5, seed, session: ++session});
          live = saved.live;
          sender.setState(saved.state, live);
        }
        if (chance(0.003)) {
          receiver = new CodebookReceiver({size: SIZE});
        }
        if (chance(0.001)) {
          sender.start((live = start(uniform)));
        }
        const bytes = sender.next(chance(0.9));
        const key = `${microbatch}`;
        encodedWith.set(key, String(sender.wire));
        if (!chance(0.05)) onTheWay.push({key, bytes});
        if (chance(0.05)) onTheWay.push({key, bytes});
        if (chance(0.1)) onTheWay.reverse();
        while (onTheWay.length > 0 && !chance(0.2)) {
          deliver(onTheWay.shift()!);
        }
        // A few come very late.
        if (onTheWay.length > 6 && chance(0.5)) onTheWay = onTheWay.slice(-6);
      }
      // The link calms down: at most two messages until both are the same.
      onTheWay.forEach(deliver);
      for (let i = 0; i < 2; i++) {
        const bytes = sender.next(true);
        if (receiver.receive(bytes).status !== 'ready') sender.requestRefresh();
      }
      expect(Array.from(receiver.wire)).toEqual(Array.from(sender.wire));
      // The trouble was real, and most got through all the same.
      expect(tally.ready).toBeGreaterThan(4000);
      expect(tally.duplicate).toBeGreaterThan(200);
      expect(tally['needs refresh']).toBeGreaterThan(200);
    });
  }

  it('goes on from the middle of an epoch as if never stopped', () => {
    const uniform = seededUniform(9);
    const {sender} = pair();
    const live = start(uniform);
    sender.start(live);
    for (let i = 0; i < SIZE.codes + 4; i++) sender.next(true);
    const drifted = drift(live, uniform);
    sender.setLive(drifted);
    const state = sender.state();
    const resumed = new CodebookSender({size: SIZE, slices: SIZE.codes, seed: 5});
    resumed.setState(state, drifted);
    const receiver = new CodebookReceiver({size: SIZE});
    for (let i = 0; i < 2 * SIZE.codes; i++) {
      const [one, two] = [sender.next(true), resumed.next(true)];
      expect(two).toEqual(one);
      expect(receiver.receive(two).status).toBe('ready');
      expect(Array.from(receiver.wire)).toEqual(Array.from(sender.wire));
    }
  });

  it('takes a sender that was set back, where the link is ordered', () => {
    const {sender} = pair();
    sender.start(start(seededUniform(1)));
    const state = sender.state();
    const receiver = new CodebookReceiver({size: SIZE, ordered: true});
    for (let i = 0; i < 5; i++) receiver.receive(sender.next(true));
    sender.setState(state, start(seededUniform(2)));
    expect(receiver.receive(sender.next(true)).status).toBe('ready');
    expect(Array.from(receiver.wire)).toEqual(Array.from(sender.wire));
  });

  it('names what is wrong', () => {
    expect(() => pair(0)).toThrowError(/slices is 0, expected a whole number from 1 to 11/);
    const {sender, receiver} = pair();
    expect(() => sender.next(true)).toThrowError(/no codebooks yet/);
    expect(() => sender.start(new Float32Array(3))).toThrowError(
      /3 values of codebooks, expected 132/,
    );
    sender.start(new Float32Array(VALUES));
    const bytes = sender.next(true);
    const changed = (at: number, value: number) => {
      const copy = bytes.slice();
      copy[at] = value;
      return () => receiver.receive(copy);
    };
    expect(() => receiver.receive(bytes.subarray(0, 9))).toThrowError(
      /9 bytes, expected 16 or more/,
    );
    expect(() => receiver.receive(bytes.subarray(1))).toThrowError(/codebook message/);
    expect(() => receiver.receive(bytes.subarray(0, 50))).toThrowError(
      /50 bytes, expected 306: cut off/,
    );
    expect(changed(0, 4)).toThrowError(/flags 4, expected 0 to 3/);
    expect(changed(1, 3)).toThrowError(/3 rounds, expected 1 to 2/);
    expect(changed(2, 12)).toThrowError(/a slice of 12 codes, expected at most 11/);
    expect(changed(16 + 2 * VALUES, 11)).toThrowError(/code 11 in the slice, expected 0 to 10/);
    // Nothing of these was taken.
    expect(receiver.receive(bytes).status).toBe('ready');
  });
});
