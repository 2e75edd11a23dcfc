import {
  ChannelClosed,
  FrameTooLarge,
  Refused,
  Timeout,
  createIdentity,
} from '../../../src/pipeline/transport/index.js';
import type {Channel} from '../../../src/pipeline/transport/index.js';
import {frameSize} from '../../../src/pipeline/wire/index.js';
import {KINDS, errorOf, isTensorOf, makePair, sleep, tensorOf, until} from './kinds.js';
import type {Pair, SomeArgs} from './kinds.js';

const MIB = 1024 * 1024;

for (const kind of KINDS) {
  describe(`transport: ${kind.name}`, () => {
    let pair: Pair | null = null;
    afterEach(async () => {
      await pair?.close();
      pair = null;
    });
    const open = async (forA?: SomeArgs, forB?: SomeArgs): Promise<[Channel, Channel]> => {
      pair = await makePair(kind, forA, forB);
      return pair.channels();
    };

    it('tells each end who the other is', async () => {
      const [a, b] = await open({info: {stage: 0}}, {info: {stage: 1}});
      expect(a.peer as object).toEqual({id: pair!.ids[1].peerId, info: {stage: 1}});
      expect(b.peer as object).toEqual({id: pair!.ids[0].peerId, info: {stage: 0}});
      expect(pair!.b.addresses[0].endsWith(`/p2p/${pair!.b.id}`)).toBeTrue();
    });

    it('delivers frames whole and in order', async () => {
      const [a, b] = await open();
      const sizes = [0, 4, 100, 65536, 8, 300000, 12];
      const sending = (async () => {
        for (let i = 0; i < 70; i++) {
          const tensors = [tensorOf(sizes[i % sizes.length], i)];
          await a.send({type: 'activation', step: i, microbatch: i % 4, stage: 0, tensors});
        }
        await a.send({type: 'commit', message: {done: true}});
      })();
      for (let i = 0; i < 70; i++) {
        const frame = await b.receive();
        expect([frame.type, frame.seq, frame.step, frame.microbatch]).toEqual([
          'activation',
          i,
          i,
          i % 4,
        ]);
        expect(isTensorOf(frame, sizes[i % sizes.length], i))
          .withContext(`frame ${i}`)
          .toBeTrue();
      }
      expect((await b.receive()).message as object).toEqual({done: true});
      await sending;
    });

    it('delivers frames of 16 MiB in both directions at once, beyond the credit', async () => {
      const [a, b] = await open();
      const send = async (channel: Channel, seed: number) => {
        for (let i = 0; i < 2; i++) {
          await channel.send({type: 'gradient', tensors: [tensorOf(16 * MIB, seed + i)]});
        }
      };
      const receive = async (channel: Channel, seed: number) => {
        for (let i = 0; i < 2; i++) {
          expect(isTensorOf(await channel.receive(), 16 * MIB, seed + i)).toBeTrue();
        }
      };
      await Promise.all([send(a, 10), send(b, 20), receive(b, 10), receive(a, 20)]);
    });

    it('never stalls, whatever the size of frames against the buffers below', async () => {
      // A heartbeat would wake a sender that sleeps through its turn.
      const heartbeat = {intervalMs: 100000, timeoutMs: 1000000};
      const [a, b] = await open({heartbeat}, {heartbeat, creditBytes: 4 * MIB});
      const sizes = [MIB, 65536, MIB - 1000, 256 * 1024, 3 * MIB, 4];
      const sending = (async () => {
        for (let i = 0; i < 48; i++) {
          await a.send({type: 'activation', tensors: [tensorOf(sizes[i % sizes.length], i)]});
        }
      })();
      for (let i = 0; i < 48; i++) {
        const frame = await b.receive({timeoutMs: 30000});
        expect(isTensorOf(frame, sizes[i % sizes.length], i)).toBeTrue();
      }
      await sending;
    });

    it('bounds what a sender has under way while nobody takes it', async () => {
      const creditBytes = MIB;
      const [a, b] = await open({}, {creditBytes});
      let sent = 0;
      const sends = Array.from({length: 40}, (_, i) =>
        a.send({type: 'activation', tensors: [tensorOf(100000, i)]}).then(() => sent++),
      );
      await until('the credit has arrived', () => b.stats().unread > creditBytes - 101000);
      await sleep(100);
      expect(sent).toBe(10);
      expect(a.stats().inFlight).toBeLessThanOrEqual(creditBytes);
      expect(b.stats().unread).toBe(a.stats().inFlight);
      expect(a.stats().queued).toBeGreaterThan(29 * 100000);
      await b.receive();
      await until('one more is sent', () => sent === 11);
      for (let i = 1; i < 40; i++) {
        expect(isTensorOf(await b.receive(), 100000, i)).toBeTrue();
      }
      await Promise.all(sends);
      await until('all credit is back', () => a.stats().inFlight === 0);
      expect(b.stats().unread).toBe(0);
    });

    it('keeps no memory of the sender: what was sent may change', async () => {
      const [a, b] = await open();
      const tensor = tensorOf(MIB, 3);
      await a.send({type: 'activation', tensors: [tensor]});
      tensor.bytes.fill(0);
      const frame = await b.receive();
      expect(isTensorOf(frame, MIB, 3)).toBeTrue();
      frame.tensors[0].bytes.fill(1);
      expect(tensor.bytes[0]).toBe(0);
    });

    it('counts the bytes that crossed, tensors apart from the rest', async () => {
      const [a, b] = await open();
      const before = a.stats();
      const frame = {type: 'activation', tensors: [tensorOf(4000, 1), tensorOf(40, 2)]} as const;
      for (let i = 0; i < 5; i++) {
        await a.send(frame);
      }
      for (let i = 0; i < 3; i++) {
        await b.receive();
      }
      await until('credit came back', () => a.stats().inFlight === 2 * frameSize(frame).total);
      const after = a.stats();
      expect(after.bytesOut - before.bytesOut).toBe(5 * frameSize(frame).total);
      expect(after.payloadOut).toBe(5 * 4040);
      expect(after.framesOut).toBe(5);
      expect(b.stats().payloadIn).toBe(5 * 4040);
      expect(b.stats().framesIn).toBe(5);
      expect(b.stats().bytesIn).toBe(after.bytesOut);
      expect(b.stats().bytesOut).toBe(after.bytesIn);
      expect(b.stats().payloadOut).toBe(0);
      expect(b.stats().unread).toBe(2 * frameSize(frame).total);
      expect(after.rttMs).toBeGreaterThan(0);
    });

    it('refuses a peer whose key is not on the list, on either side', async () => {
      const refused: string[] = [];
      pair = await makePair(kind, {}, {allow: [], onRefused: (peerId) => refused.push(peerId)});
      let reached = false;
      pair.b.onChannel(() => (reached = true));
      const error = await errorOf(pair.a.connect(pair.b.addresses[0]));
      expect(error.name).toBe('PeerLost');
      expect(reached).toBeFalse();
      expect(refused).toEqual([pair.a.id]);
      await pair.close();

      pair = await makePair(kind, {allow: []});
      const own = await errorOf(pair.a.connect(pair.b.addresses[0]));
      expect(own).toBeInstanceOf(Refused);
      expect(own.message).toContain(`${pair.b.id} is not on the allow-list of this end`);
    });

    it('refuses an address where another peer answers', async () => {
      const stranger = await createIdentity();
      pair = await makePair(kind, {allow: [stranger.peerId]});
      let reached = false;
      pair.b.onChannel(() => (reached = true));
      const address = pair.b.addresses[0].replace(/[^/]+$/, stranger.peerId);
      const error = await errorOf(pair.a.connect(address));
      expect(error).toBeInstanceOf(Refused);
      expect(error.message).toContain(stranger.peerId);
      expect(reached).toBeFalse();
    });

    it('refuses an address that does not say who is there', async () => {
      pair = await makePair(kind);
      const address = pair.b.addresses[0].replace(/\/p2p\/.*/, '');
      const error = await errorOf(pair.a.connect(address));
      expect(error).toBeInstanceOf(Refused);
      expect(error.message).toMatch(/does not end in \/p2p\/<PeerId>/);
    });

    it('says when nobody listens', async () => {
      pair = await makePair(kind);
      const [address] = pair.b.addresses;
      await pair.b.close();
      const error = await errorOf(pair.a.connect(address));
      expect(error.name).toBe('PeerLost');
      expect(error.message).toContain('nobody listens');
    });

    for (const [what, change, expected] of [
      ['config', {configHash: 'other'}, /configHash: same here, other at the peer/],
      ['epoch', {epoch: 3}, /epoch: 0 here, 3 at the peer/],
      ['codec', {codecs: {float32: 2}}, /codec float32: 1 here, 2 at the peer/],
      ['missing codec', {codecs: {}}, /codec float32: 1 here, none at the peer/],
    ] as [string, SomeArgs, RegExp][]) {
      it(`refuses a peer of another ${what}, and names it`, async () => {
        const refused: Error[] = [];
        const codecs = {float32: 1};
        pair = await makePair(
          kind,
          {codecs, ...change},
          {
            codecs,
            onRefused: (_, reason) => refused.push(reason),
          },
        );
        let reached = false;
        pair.b.onChannel(() => (reached = true));
        const error = await errorOf(pair.a.connect(pair.b.addresses[0]));
        expect(error).toBeInstanceOf(Refused);
        expect((error as Refused).differs.length).toBe(1);
        expect((error as Refused).differs[0]).toMatch(expected);
        await until('the other end knows too', () => refused.length === 1);
        expect(refused[0].message).toMatch(expected);
        expect(reached).toBeFalse();
      });
    }

    it('refuses a frame larger than either end takes, before sending any of it', async () => {
      const [a, b] = await open({maxFrameBytes: 5000}, {maxFrameBytes: 3000});
      const sentBefore = a.stats().bytesOut;
      const error = await errorOf(a.send({type: 'activation', tensors: [tensorOf(4000, 1)]}));
      expect(error).toBeInstanceOf(FrameTooLarge);
      expect(error.message).toMatch(/at most 3000/);
      expect(a.stats().bytesOut).toBe(sentBefore);
      const back = await errorOf(b.send({type: 'gradient', tensors: [tensorOf(4000, 1)]}));
      expect(back).toBeInstanceOf(FrameTooLarge);
      await a.send({type: 'activation', tensors: [tensorOf(2000, 2)]});
      expect(isTensorOf(await b.receive(), 2000, 2)).toBeTrue();
    });

    it('gives up by signal or time what waits, and the rest stays in order', async () => {
      const [a, b] = await open({}, {creditBytes: 1000});
      const send = (seed: number, options = {}) =>
        a.send({type: 'activation', step: seed, tensors: [tensorOf(800, seed)]}, options);
      await send(0);
      const abort = new AbortController();
      const aborted = errorOf(send(1, {signal: abort.signal}));
      const late = errorOf(send(2, {timeoutMs: 20}));
      const kept = send(3);
      abort.abort(new Error('changed my mind'));
      expect((await aborted).message).toBe('changed my mind');
      expect(await late).toBeInstanceOf(Timeout);
      expect((await errorOf(send(4, {signal: abort.signal}))).message).toBe('changed my mind');
      expect([(await b.receive()).step, (await b.receive()).step]).toEqual([0, 3]);
      await kept;

      const receiveAbort = new AbortController();
      const receiving = errorOf(b.receive({signal: receiveAbort.signal}));
      const receivingLate = errorOf(b.receive({timeoutMs: 20}));
      receiveAbort.abort(new Error('not now'));
      expect((await receiving).message).toBe('not now');
      expect(await receivingLate).toBeInstanceOf(Timeout);
      await send(5);
      expect((await b.receive()).step).toBe(5);
      const connecting = errorOf(
        pair!.a.connect(pair!.b.addresses[0], {signal: AbortSignal.abort(new Error('no'))}),
      );
      expect((await connecting).message).toBe('no');
    });

    it('refuses bad frames by name and goes on', async () => {
      const [a, b] = await open();
      expect((await errorOf(a.send({type: 'activation', step: -1}))).message).toMatch(/step/);
      expect((await errorOf(a.send({type: 'hello' as 'control'}))).message).toMatch(
        /type is 'hello'/,
      );
      await a.send({type: 'control', message: 'fine'});
      expect((await b.receive()).message as string).toBe('fine');
    });

    it('delivers what was sent before a close, then ends in good order', async () => {
      const [a, b] = await open();
      const pendingReceive = errorOf(a.receive());
      for (let i = 0; i < 3; i++) {
        await a.send({type: 'activation', step: i, tensors: [tensorOf(100000, i)]});
      }
      await a.close();
      const steps = [];
      for await (const frame of b) {
        steps.push(frame.step);
      }
      expect(steps).toEqual([0, 1, 2]);
      expect((await a.closed).kind).toBe('local');
      expect((await b.closed).kind).toBe('remote');
      expect(await pendingReceive).toBeInstanceOf(ChannelClosed);
      expect(await errorOf(a.send({type: 'control'}))).toBeInstanceOf(ChannelClosed);
      expect(await errorOf(b.send({type: 'control'}))).toBeInstanceOf(ChannelClosed);
      expect(await errorOf(b.receive())).toBeInstanceOf(ChannelClosed);
      await a.close();
      await b.close();
    });

    it('ends channels and refuses new ones when a transport closes', async () => {
      const [a, b] = await open({creditBytes: 1000}, {creditBytes: 1000});
      await a.send({type: 'activation', tensors: [tensorOf(900, 1)]});
      const waiting = errorOf(a.send({type: 'activation', tensors: [tensorOf(900, 2)]}));
      await pair!.b.close();
      expect(await waiting).toBeInstanceOf(ChannelClosed);
      expect((await b.closed).kind).toBe('local');
      expect((await a.closed).kind).toBe('remote');
      const {addresses} = pair!.b;
      await pair!.a.close();
      expect(
        (await errorOf(pair!.a.connect(`${addresses[0] ?? ''}/p2p/${pair!.b.id}`))).message,
      ).toMatch(/transport is closed/);
    });

    it('hands over channels that came before anybody asked', async () => {
      pair = await makePair(kind);
      const a = await pair.a.connect(pair.b.addresses[0]);
      await a.send({type: 'control', message: 'early'});
      const b = await new Promise<Channel>((resolve) => pair!.b.onChannel(resolve));
      expect((await b.receive()).message as string).toBe('early');
    });

    it('stays open as long as heartbeats come', async () => {
      const heartbeat = {intervalMs: 20, timeoutMs: 2000};
      const [a, b] = await open({heartbeat}, {heartbeat});
      const before = a.stats().bytesIn;
      await until('heartbeats came', () => a.stats().bytesIn > before + 500);
      await a.send({type: 'control', message: 1});
      expect((await b.receive()).message as number).toBe(1);
      expect(b.stats().rttMs).toBeGreaterThan(0);
    });
  });
}
