/** What a channel does about a peer that does not keep to the protocol. The peer is played by hand. */
import {FrameChannel} from '../../../src/pipeline/transport/frame_channel.js';
import type {Hello} from '../../../src/pipeline/transport/hello.js';
import {InProcessLink} from '../../../src/pipeline/transport/in_process_link.js';
import {FrameReader, encodeFrame, joinPieces} from '../../../src/pipeline/wire/index.js';
import type {EncodableFrame, Frame, JsonValue} from '../../../src/pipeline/wire/index.js';
import {errorOf, tensorOf, until} from './kinds.js';

const HELLO: Hello = {
  protocol: 1,
  configHash: 'same',
  epoch: 2,
  codecs: {},
  maxFrameBytes: 10000,
  creditBytes: 1000,
};

/** A channel that accepts, and the other end of its link. */
function setUp() {
  const [byHand, atChannel] = InProcessLink.pair('hand', 'channel', {});
  const channel = new FrameChannel(
    atChannel,
    {hello: HELLO, heartbeatIntervalMs: 60000, heartbeatTimeoutMs: 60000},
    false,
  );
  const heard: Frame[] = [];
  let hungUp = false;
  const reader = new FrameReader(100000);
  byHand.start({
    onBytes: (bytes) => {
      for (const {frame} of reader.push(bytes)) {
        heard.push(frame);
      }
    },
    onWritable: () => undefined,
    onEnd: () => {
      hungUp = true;
      void byHand.close();
    },
  });
  const say = (frame: EncodableFrame) =>
    byHand.write(joinPieces(encodeFrame({epoch: 2, ...frame})));
  const hello = (change: {readonly [key: string]: JsonValue | undefined} = {}) =>
    say({type: 'hello', message: {...HELLO, ...change}});
  return {byHand, channel, heard, say, hello, hasHungUp: () => hungUp};
}

async function opened() {
  const all = setUp();
  all.hello();
  await all.channel.open({timeoutMs: 5000});
  return all;
}

describe('a channel whose peer breaks the rules', () => {
  it('refuses another version of the protocol by name, and says so to the peer', async () => {
    const {channel, heard, hello, hasHungUp} = setUp();
    hello({protocol: 2});
    const error = await errorOf(channel.open({timeoutMs: 5000}));
    expect(error.name).toBe('Refused');
    expect(error.message).toContain('protocol: 1 here, 2 at the peer');
    await until('the peer was told', hasHungUp);
    expect(heard.map(({type}) => type)).toEqual(['refuse']);
    expect(JSON.stringify(heard[0].message)).toContain('protocol: 1 here, 2 at the peer');
  });

  it('wants a good hello first', async () => {
    const bad: [string, EncodableFrame][] = [
      ['activation', {type: 'activation'}],
      ['no message', {type: 'hello'}],
      ['a list', {type: 'hello', message: []}],
      ['no codecs', {type: 'hello', message: {...HELLO, codecs: undefined}}],
      ['no credit', {type: 'hello', message: {...HELLO, creditBytes: 0}}],
    ];
    for (const [what, frame] of bad) {
      const {channel, say} = setUp();
      say(frame);
      const error = await errorOf(channel.open({timeoutMs: 5000}));
      expect(error.name).withContext(what).toBe('ProtocolError');
      expect(error.message).toContain('no good hello');
    }
  });

  it('gives up a peer that says nothing', async () => {
    const {channel, hasHungUp} = setUp();
    const error = await errorOf(channel.open({timeoutMs: 20}));
    expect(error.name).toBe('Timeout');
    await until('the link is gone', hasHungUp);
  });

  it('takes garbage for the end', async () => {
    const {channel, byHand, hasHungUp} = await opened();
    const receiving = errorOf(channel.receive());
    byHand.write(new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'));
    expect((await receiving).name).toBe('ProtocolError');
    expect((await channel.closed).kind).toBe('protocol');
    await until('the link is gone', hasHungUp);
  });

  it('takes a changed byte for the end', async () => {
    const {channel, byHand} = await opened();
    const bytes = joinPieces(
      encodeFrame({type: 'activation', epoch: 2, tensors: [tensorOf(100, 1)]}),
    );
    bytes[bytes.length - 1] ^= 1;
    byHand.write(bytes);
    const error = await errorOf(channel.receive());
    expect(error.name).toBe('ProtocolError');
    expect(error.message).toMatch(/checksum/);
    expect((error.cause as Error).name).toBe('BadChecksum');
  });

  it('refuses a frame that announces more than maxFrameBytes', async () => {
    const {channel, say} = await opened();
    say({type: 'activation', tensors: [tensorOf(20000, 1)]});
    const error = await errorOf(channel.receive());
    expect(error.name).toBe('ProtocolError');
    expect((error.cause as Error).name).toBe('FrameTooLarge');
  });

  it('drops frames that it had, and gives their credit back', async () => {
    const {channel, say, heard} = await opened();
    for (const seq of [0, 1, 0, 1, 2]) {
      say({type: 'activation', seq, step: seq});
    }
    for (const step of [0, 1, 2]) {
      expect((await channel.receive()).step).toBe(step);
    }
    await until(
      'all credit is back',
      () => heard.filter(({type}) => type === 'credit').length === 5,
    );
    expect(channel.stats().framesIn).toBe(3);
  });

  it('takes a gap in the numbers for the end, after what came before it', async () => {
    const {channel, say} = await opened();
    say({type: 'activation', seq: 0});
    say({type: 'activation', seq: 3});
    expect((await channel.receive()).seq).toBe(0);
    const error = await errorOf(channel.receive());
    expect(error.name).toBe('ProtocolError');
    expect(error.message).toMatch(/frame 3 where 1 was expected: 2 frames are missing/);
  });

  it('refuses frames of another epoch', async () => {
    const {channel, say} = await opened();
    say({type: 'activation', epoch: 1});
    expect((await errorOf(channel.receive())).message).toMatch(/epoch 1, this is epoch 2/);
  });

  it('refuses more than the credit', async () => {
    const {channel, say} = await opened();
    say({type: 'activation', seq: 0, tensors: [tensorOf(600, 1)]});
    say({type: 'activation', seq: 1, tensors: [tensorOf(600, 2)]});
    await channel.closed;
    expect((await channel.receive()).seq).toBe(0);
    expect((await errorOf(channel.receive())).message).toMatch(/beyond its credit of 1000/);
  });

  it('refuses credit for what was not sent', async () => {
    for (const message of [{bytes: 1}, {bytes: -5}, {bytes: 'x'}, {}, undefined]) {
      const {channel, say} = await opened();
      say({type: 'credit', message});
      expect((await channel.closed).kind)
        .withContext(JSON.stringify(message))
        .toBe('protocol');
    }
  });

  it('takes an end without a goodbye for a loss, in a frame and between frames', async () => {
    for (const [length, expected] of [
      [60, /after 60 bytes of an unfinished frame/],
      [0, /ended/],
    ] as const) {
      const {channel, byHand} = await opened();
      const receiving = errorOf(channel.receive());
      const waiting = channel.send({type: 'gradient', tensors: [tensorOf(800, 1)]});
      const queued = errorOf(channel.send({type: 'gradient', tensors: [tensorOf(800, 2)]}));
      await waiting;
      const bytes = joinPieces(
        encodeFrame({type: 'activation', epoch: 2, tensors: [tensorOf(100, 1)]}),
      );
      byHand.write(bytes.slice(0, length));
      await byHand.close();
      const error = await receiving;
      expect(error.name).toBe('PeerLost');
      expect(error.message).toMatch(expected);
      expect((await queued).name).toBe('PeerLost');
      expect((await errorOf(channel.send({type: 'control'}))).name).toBe('PeerLost');
      expect((await channel.closed).kind).toBe('lost');
    }
  });
});
