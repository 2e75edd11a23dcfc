/** Faults of peers in other processes, over libp2p. */
import {fork} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {connect} from 'node:net';
import path from 'node:path';
import {createIdentity, libp2pTransport} from '../../../src/pipeline/transport/index.js';
import type {Channel, Transport} from '../../../src/pipeline/transport/index.js';
import {errorOf, makePair, KINDS, sleep, tensorOf, until} from './kinds.js';
import type {SomeArgs} from './kinds.js';
import type {Order, Report} from './peer_process.js';

const MIB = 1024 * 1024;
const TCP = '/ip4/127.0.0.1/tcp/0';

const forked = (file: string) =>
  fork(path.join(import.meta.dirname, file), {execArgv: ['--import', 'tsx']});

interface RemotePeer {
  readonly process: ChildProcess;
  readonly channel: Channel;
  readonly transport: Transport;
  order(order: Order): void;
}

describe('a peer in another process', () => {
  const open: RemotePeer[] = [];
  afterEach(async () => {
    for (const {process: child, transport} of open.splice(0)) {
      child.kill('SIGKILL');
      await transport.close();
    }
  });

  /** Starts a peer and connects to it. */
  async function startPeer(args: SomeArgs & {pingIntervalMs?: number} = {}): Promise<RemotePeer> {
    const [own, its] = [await createIdentity(), await createIdentity()];
    const common = {configHash: 'same', ...args};
    const child = forked('peer_process.ts');
    const order = (what: Order) => void child.send(what);
    const reported = new Promise<Report>((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`the peer process ended with ${code}`)));
    });
    order({
      what: 'start',
      args: {...common, identity: its, allow: [own.peerId], listen: [TCP]},
    });
    const report = await reported;
    if (!('addresses' in report)) {
      throw new Error('the peer process did not say where it listens');
    }
    const transport = await libp2pTransport({...common, identity: own, allow: [its.peerId]});
    const channel = await transport.connect(report.addresses[0]);
    const peer = {process: child, channel, transport, order};
    open.push(peer);
    return peer;
  }

  it('that is killed in the middle of a frame is lost, and what waits to be sent fails', async () => {
    const {process: child, channel, order} = await startPeer({creditBytes: 256 * 1024});
    order({what: 'send', bytes: 48 * MIB});
    const receiving = errorOf(channel.receive());
    await channel.send({type: 'activation', tensors: [tensorOf(200000, 1)]});
    const waiting = errorOf(channel.send({type: 'activation', tensors: [tensorOf(200000, 2)]}));
    await until('a part has arrived', () => channel.stats().bytesIn > MIB);
    child.kill('SIGKILL');
    expect((await receiving).name).toBe('PeerLost');
    expect((await waiting).name).toBe('PeerLost');
    expect((await channel.closed).kind).toBe('lost');
    expect(channel.stats().framesIn).toBe(0);
  });

  it('that is frozen is found by its silence', async () => {
    const {process: child, channel} = await startPeer({
      heartbeat: {intervalMs: 100, timeoutMs: 2500},
    });
    await sleep(3000);
    await channel.send({type: 'control'});
    const receiving = errorOf(channel.receive());
    child.kill('SIGSTOP');
    expect((await receiving).name).toBe('Timeout');
    expect((await channel.closed).kind).toBe('timeout');
    expect((await errorOf(channel.send({type: 'control'}))).name).toBe('Timeout');
  });

  it('that computes for 7 s without a pause is kept, and the sender waits', async () => {
    // libp2p's own monitor would cut the connection after 5 s without an answer.
    const {
      process: child,
      channel,
      order,
    } = await startPeer({
      pingIntervalMs: 200,
      creditBytes: 96 * MIB,
    });
    order({what: 'answer'});
    await channel.send({type: 'activation', step: 100});
    expect((await channel.receive()).step).toBe(100);
    const did: string[] = [];
    child.on('message', (report: {did: string}) => did.push(report.did));
    order({what: 'compute', ms: 7000});
    await until('it computes', () => did.length === 1);
    const tensors = [tensorOf(MIB, 1)];
    const sends = Array.from({length: 64}, (_, step) =>
      channel.send({type: 'activation', step, tensors}),
    );
    for (let before = -1; before !== channel.stats().queued; await sleep(300)) {
      before = channel.stats().queued;
    }
    // Credit would allow all of it: the length of libp2p's buffer holds the rest back.
    expect(channel.stats().queued).toBeGreaterThan(32 * MIB);
    await until('it has computed', () => did.length === 2);
    expect(did).toEqual(['begin', 'compute']);
    for (let step = 0; step < 64; step++) {
      expect((await channel.receive()).step).toBe(step);
    }
    await Promise.all(sends);
  });
});

describe('a stranger', () => {
  it('who sends garbage gets nothing and disturbs nobody', async () => {
    const pair = await makePair(KINDS[1]);
    const [a, b] = await pair.channels();
    const port = Number(/\/tcp\/(\d+)/.exec(pair.b.addresses[0])![1]);
    const received: Buffer[] = [];
    const sockets = ['GET / HTTP/1.1\r\n\r\n', '\u0013/multistream/1.0.0\n\u0000\uffff'].map(
      (text) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (bytes) => received.push(bytes)).on('error', () => undefined);
        return socket;
      },
    );
    for (let step = 0; step < 20; step++) {
      await a.send({type: 'activation', step, tensors: [tensorOf(100000, step)]});
      expect((await b.receive()).step).toBe(step);
    }
    sockets.forEach((socket) => socket.destroy());
    const said = Buffer.concat(received).toString();
    expect(said).not.toContain(pair.b.id);
    expect(said).not.toContain('tfjs-mapl');
    await pair.close();
  });
});

describe('after close', () => {
  it('nothing keeps the process running', async () => {
    const child = forked('close_process.ts');
    child.disconnect();
    const guard = setTimeout(() => child.kill('SIGKILL'), 60000);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    clearTimeout(guard);
    expect(code).toBe(0);
  });
});
