import {InProcessNetwork, inProcessTransport} from '../../../src/pipeline/transport/index.js';
import type {Channel} from '../../../src/pipeline/transport/index.js';
import {errorOf, isTensorOf, tensorOf, until} from './kinds.js';
import type {SomeArgs} from './kinds.js';

async function connected(network: InProcessNetwork, args: SomeArgs = {}) {
  const common = {network, configHash: 'same', ...args};
  const a = await inProcessTransport({...common, identity: {peerId: 'a'}, allow: ['b']});
  const listen = ['/memory/b'];
  const b = await inProcessTransport({...common, identity: {peerId: 'b'}, allow: ['a'], listen});
  const accepted = new Promise<Channel>((resolve) => b.onChannel(resolve));
  const atA = await a.connect('/memory/b/p2p/b');
  const close = () => Promise.all([a.close(), b.close()]);
  return {atA, atB: await accepted, close};
}

describe('the in-process transport', () => {
  it('reports the death of a peer in the middle of a frame at once', async () => {
    const network = new InProcessNetwork({bytesPerSecond: 2e6});
    const {atA, atB, close} = await connected(network);
    const receiving = errorOf(atB.receive());
    await atA.send({type: 'activation', tensors: [tensorOf(4e6, 1)]});
    const waiting = errorOf(atA.send({type: 'activation', tensors: [tensorOf(4e6, 2)]}));
    await until('a part has arrived', () => atB.stats().bytesIn > 200000);
    network.cut('b', 'a');
    const error = await receiving;
    expect(error.name).toBe('PeerLost');
    expect(error.message).toMatch(/bytes of an unfinished frame/);
    expect((await waiting).name).toBe('PeerLost');
    expect((await atA.closed).kind).toBe('lost');
    await close();
  });

  it('gives up a line on which nothing arrives, and not one that is slow', async () => {
    const heartbeat = {intervalMs: 20, timeoutMs: 200};
    // One frame takes several times the timeout, in pieces that each take less.
    const network = new InProcessNetwork({bytesPerSecond: 1e6, delayMs: 20});
    const {atA, atB, close} = await connected(network, {heartbeat});
    await atA.send({type: 'activation', tensors: [tensorOf(800000, 1)]});
    expect(isTensorOf(await atB.receive(), 800000, 1)).toBeTrue();
    const receiving = errorOf(atB.receive());
    network.hold('a', 'b');
    const error = await receiving;
    expect(error.name).toBe('Timeout');
    expect(error.message).toMatch(/heartbeat\.timeoutMs/);
    expect((await atB.closed).kind).toBe('timeout');
    expect((await atA.closed).kind).not.toBe('local');
    await close();
  });

  it('delivers what was held', async () => {
    const network = new InProcessNetwork();
    const {atA, atB, close} = await connected(network);
    network.hold('a', 'b');
    await atA.send({type: 'control', step: 9});
    expect((await errorOf(atB.receive({timeoutMs: 30}))).name).toBe('Timeout');
    network.release('a', 'b');
    expect((await atB.receive()).step).toBe(9);
    await close();
  });

  it('does not blame a peer for time in which this process computed', async () => {
    const network = new InProcessNetwork({delayMs: 1});
    const {atA, atB, close} = await connected(network, {
      heartbeat: {intervalMs: 20, timeoutMs: 200},
    });
    for (let i = 0; i < 3; i++) {
      const end = performance.now() + 400;
      while (performance.now() < end);
      await atA.send({type: 'control', step: i});
      expect((await atB.receive()).step).toBe(i);
    }
    await close();
  });

  it('refuses addresses that are taken or of another kind', async () => {
    const network = new InProcessNetwork();
    const args = {network, configHash: '', identity: {peerId: 'a'}, allow: []};
    const first = await inProcessTransport({...args, listen: ['/memory/x']});
    const taken = errorOf(inProcessTransport({...args, listen: ['/memory/x']}));
    expect((await taken).message).toMatch(/listens at '\/memory\/x' already/);
    const other = errorOf(inProcessTransport({...args, listen: ['/ip4/127.0.0.1/tcp/0']}));
    expect((await other).message).toMatch(/expected '\/memory\/<name>'/);
    await first.close();
    const again = await inProcessTransport({...args, listen: ['/memory/x']});
    expect(again.addresses).toEqual(['/memory/x/p2p/a']);
    await again.close();
  });

  it('refuses arguments by name', async () => {
    const good = {network: new InProcessNetwork(), configHash: '', identity: {peerId: 'a'}};
    const cases: [SomeArgs, RegExp][] = [
      [{allow: 'a' as unknown as string[]}, /allow is "a"; expected a list/],
      [{allow: undefined}, /allow is undefined/],
      [{allow: [], creditBytes: 0}, /creditBytes is 0/],
      [{allow: [], maxFrameBytes: NaN}, /maxFrameBytes is NaN/],
      [{allow: [], heartbeat: {timeoutMs: -1}}, /heartbeat\.timeoutMs is -1/],
      [{allow: [], epoch: 1.5}, /epoch is 1\.5/],
      [{allow: [], configHash: 5 as unknown as string}, /configHash is 5/],
    ];
    for (const [args, message] of cases) {
      const making = inProcessTransport({...good, ...args} as Parameters<
        typeof inProcessTransport
      >[0]);
      expect((await errorOf(making)).message).toMatch(message);
    }
  });
});
