/** One spec for each setting of libp2p that is needed; each fails with libp2p's default. */
import {connect, createServer} from 'node:net';
import type {AddressInfo, Socket} from 'node:net';
import type {Libp2p, Stream} from '@libp2p/interface';
import {multiaddr} from '@multiformats/multiaddr';
import {
  createIdentity,
  identityFromKey,
  libp2pTransport,
} from '../../../src/pipeline/transport/index.js';
import type {Channel, Transport} from '../../../src/pipeline/transport/index.js';
import {privateKeyOf} from '../../../src/pipeline/transport/identity.js';
import {libp2pOptions} from '../../../src/pipeline/transport/libp2p_options.js';
import {installNodeShims} from '../../../src/pipeline/transport/node_shims.js';
import {errorOf, sleep, until} from './kinds.js';

const TCP = '/ip4/127.0.0.1/tcp/0';
const MIB = 1024 * 1024;

/** Passes on everything to `target` and back, 20 ms later. */
async function delayedLine(target: number): Promise<{port: number; close: () => void}> {
  const sockets: Socket[] = [];
  const pass = (from: Socket, to: Socket) => {
    sockets.push(from);
    from.on('data', (bytes) => setTimeout(() => to.writable && to.write(bytes), 20));
    from.on('error', () => undefined).on('close', () => to.destroy());
  };
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return {port: (server.address() as AddressInfo).port, close};
}

describe('shims for Node 20', () => {
  it('add what is missing and work', async () => {
    const bare = {Promise: class extends Promise<unknown> {} as PromiseConstructor};
    Object.defineProperty(bare.Promise, 'withResolvers', {value: undefined, writable: true});
    await installNodeShims(bare);
    const shimmed = bare as {
      Promise: {withResolvers?: () => {promise: Promise<number>; resolve: (n: number) => void}};
      WebSocket?: {CONNECTING?: number};
    };
    const {promise, resolve} = shimmed.Promise.withResolvers!();
    resolve(5);
    expect(await promise).toBe(5);
    expect(shimmed.WebSocket!.CONNECTING).toBe(0);
  });

  it('leave alone what is there', async () => {
    const withResolvers = () => undefined;
    const there = {Promise: {withResolvers}, WebSocket: class {}};
    const {WebSocket} = there;
    await installNodeShims(there as unknown as Parameters<typeof installNodeShims>[0]);
    expect(there.Promise.withResolvers).toBe(withResolvers);
    expect(there.WebSocket).toBe(WebSocket);
  });
});

describe('identities', () => {
  it('come back from their key', async () => {
    const identity = await createIdentity();
    expect(identity.peerId).toMatch(/^12D3KooW/);
    expect(await identityFromKey(identity.privateKey)).toEqual(identity);
    expect((await createIdentity()).peerId).not.toBe(identity.peerId);
  });

  it('are refused without showing the key', async () => {
    for (const bad of ['secret!', 'c2VjcmV0', '']) {
      const error = await errorOf(identityFromKey(bad));
      expect(error.message).toMatch(/privateKey is no private key/);
      expect(error.message.includes('secret') || error.message.includes('c2Vj')).toBeFalse();
    }
    const [one, other] = [await createIdentity(), await createIdentity()];
    const mixed = {...one, privateKey: other.privateKey};
    const making = libp2pTransport({identity: mixed, allow: [], configHash: ''});
    expect((await errorOf(making)).message).toContain(`its privateKey is that of ${other.peerId}`);
  });
});

describe('addresses', () => {
  it('that cannot be listened at or dialled are named', async () => {
    const [own, other] = [await createIdentity(), await createIdentity()];
    const args = {identity: own, allow: [other.peerId], configHash: ''};
    const taken = await libp2pTransport({...args, listen: [TCP]});
    const port = /\/ip4.*\/tcp\/\d+/.exec(taken.addresses[0])![0];
    const refusals: Array<[listen: string[], message: string]> = [
      [[TCP, port], `cannot listen at '${port}': its port is taken`],
      [[`${port}/ws`], `cannot listen at '${port}/ws': its port is taken`],
      // 192.0.2.0/24 is for documentation: no machine has an address of it.
      [['/ip4/192.0.2.1/tcp/0'], "'/ip4/192.0.2.1/tcp/0': it is no address of this machine"],
      [['/ip4/127.0.0.1/udp/4001'], 'it is none of TCP or WebSockets; expected for instance'],
      [['127.0.0.1:4001'], "cannot listen at '127.0.0.1:4001': it is no multiaddr"],
      [[TCP, '/ip4/127.0.0.1/tcp/70000'], "'/ip4/127.0.0.1/tcp/70000': it is no multiaddr"],
    ];
    for (const [listen, message] of refusals) {
      const error = await errorOf(libp2pTransport({...args, identity: other, listen}));
      expect(error.name).withContext(message).toBe('ListenFailed');
      expect(error.message).toContain(message);
      // One line, and nothing of libp2p's stacks.
      expect(error.message.split('\n').length).withContext(error.message).toBe(1);
      expect(error.message).not.toMatch(/node_modules|faultTolerance/);
    }
    for (const address of ['/nonsense/1', 'localhost:4001', '/ip4/127.0.0.1/udp/4001']) {
      const refused = await errorOf(taken.connect(`${address}/p2p/${other.peerId}`));
      expect(refused.name).withContext(address).toBe('Refused');
      expect(refused.message).toContain(address);
    }
    await taken.close();
  });
});

describe('settings of libp2p', () => {
  it('let 16 stages behind one address connect at once', async () => {
    const ids = await Promise.all(Array.from({length: 17}, () => createIdentity()));
    const [hubId, ...stageIds] = ids;
    const allow = ids.map(({peerId}) => peerId);
    const hub = await libp2pTransport({identity: hubId, allow, listen: [TCP], configHash: ''});
    const accepted: Channel[] = [];
    hub.onChannel((channel) => accepted.push(channel));
    const stages: Transport[] = [];
    for (const identity of stageIds) {
      stages.push(await libp2pTransport({identity, allow, configHash: ''}));
    }
    const [address] = hub.addresses;
    const dials = await Promise.allSettled(stages.map((stage) => stage.connect(address)));
    expect(dials.filter(({status}) => status === 'rejected')).toEqual([]);
    await until('all are accepted', () => accepted.length === 16);
    expect(new Set(accepted.map(({peer}) => peer.id)).size).toBe(16);
    await Promise.all([hub, ...stages].map((transport) => transport.close()));
  });

  describe('between two nodes', () => {
    const nodes: Libp2p[] = [];
    afterEach(async () => {
      await Promise.all(nodes.splice(0).map((node) => node.stop()));
    });

    async function makeNode(isAllowed = () => true): Promise<Libp2p> {
      await installNodeShims();
      const {createLibp2p} = await import('libp2p');
      const {privateKey} = await createIdentity();
      const node = await createLibp2p(
        await libp2pOptions({
          privateKey: await privateKeyOf(privateKey),
          listen: [TCP],
          isAllowed,
          heartbeatTimeoutMs: 90000,
        }),
      );
      nodes.push(node);
      return node;
    }

    it('wait for a peer that is slow to begin its handshake', async () => {
      const node = await makeNode();
      const port = Number(/tcp\/(\d+)/.exec(node.getMultiaddrs()[0].toString())![1]);
      const socket = connect(port, '127.0.0.1');
      let ended = false;
      socket.on('close', () => (ended = true)).on('error', () => undefined);
      // libp2p's default is 10 s.
      await sleep(11000);
      expect(ended).toBeFalse();
      socket.destroy();
    }, 20000);

    it('let a stream pause with a full window', async () => {
      const [from, to] = [await makeNode(), await makeNode()];
      // The window grows with the round trip: without a delay it stays small, and so harmless.
      const line = await delayedLine(
        Number(/tcp\/(\d+)/.exec(to.getMultiaddrs()[0].toString())![1]),
      );
      const total = 48 * MIB;
      let received = 0;
      let incoming: Stream | null = null;
      await to.handle('/pause/1', (stream) => {
        incoming = stream;
        stream.addEventListener('message', ({data}) => (received += data.byteLength));
      });
      const address = multiaddr(`/ip4/127.0.0.1/tcp/${line.port}/p2p/${to.peerId.toString()}`);
      const stream = await from.dialProtocol(address, '/pause/1');
      stream.send(new Uint8Array(total / 2));
      await until('the first half is there', () => received === total / 2);
      incoming!.pause();
      stream.send(new Uint8Array(total / 2));
      for (let before = -1; before !== stream.writeBufferLength; await sleep(300)) {
        before = stream.writeBufferLength;
      }
      expect(incoming!.status).toBe('open');
      expect(stream.writeBufferLength).toBeGreaterThan(total / 4);
      if (incoming!.status === 'open') {
        incoming!.resume();
        await until('the second half is there', () => received === total);
      }
      line.close();
    });

    it('hang up on who is not allowed before any protocol is spoken', async () => {
      const [stranger, closed] = [await makeNode(), await makeNode(() => false)];
      const asking = stranger.dialProtocol(closed.getMultiaddrs()[0], '/ipfs/ping/1.0.0');
      expect((await errorOf(asking)).message).not.toBe('');
      await until('the connection is gone', () => stranger.getConnections().length === 0);
      expect(closed.getConnections()).toEqual([]);
    });

    it('keep a line on which libp2p hears no answer for a minute and more', async () => {
      const {connectionMonitor, connectionManager} = await libp2pOptions({
        privateKey: await privateKeyOf((await createIdentity()).privateKey),
        listen: [],
        isAllowed: () => false,
        heartbeatTimeoutMs: 90000,
      });
      expect(connectionMonitor).toEqual({
        pingInterval: 10000,
        pingTimeout: {minTimeout: 90000, maxTimeout: 90000},
        abortConnectionOnPingFailure: false,
      });
      expect(connectionManager!.inboundConnectionThreshold).toBe(1000);
      expect(connectionManager!.maxIncomingPendingConnections).toBe(256);
    });
  });
});
