import type {Libp2p, Stream} from '@libp2p/interface';
import {checkPositive} from '../../ops/check_values.js';
import {CONNECT_TIMEOUT_MS, ChannelHub, checkTransportArgs} from './channel_hub.js';
import {privateKeyOf} from './identity.js';
import {Libp2pLink} from './libp2p_link.js';
import {libp2pOptions} from './libp2p_options.js';
import {checkListen, listenError} from './listen_error.js';
import {installNodeShims} from './node_shims.js';
import type {Channel, Transport, TransportArgs, WaitOptions} from './transport.js';
import {PeerLost, Refused, Timeout} from './transport_errors.js';

/** Name under which peers ask each other for a channel. */
const PROTOCOL = '/tfjs-mapl/channel/1';

/** What the libp2p transport is made of, beside what all are. */
export interface Libp2pTransportArgs extends TransportArgs {
  /** How often libp2p pings by itself, in milliseconds. Default 10000. */
  readonly pingIntervalMs?: number;
}

/** All that an error and those it stands for say. */
function textOf(error: unknown): string {
  const {name, message, errors, cause} = error as AggregateError;
  const inner = [...(errors ?? []), ...(cause == null ? [] : [cause])].map(textOf);
  return [`${name}: ${message}`, ...inner].join('; ');
}

/** Turns what a failed dial threw into an error that says what it means here. */
function dialError(error: unknown, address: string, peerId: string): Error {
  const text = textOf(error);
  if (/Encryption|UnexpectedPeer|does not match|payload identity key/i.test(text)) {
    return new Refused(`connect: who answers at '${address}' is not ${peerId}.`, [], {
      cause: error,
    });
  }
  if (/NoValidAddresses|UnsupportedProtocol|ValidAddresses/i.test(text)) {
    return new Refused(`connect: '${address}' cannot be dialled: ${text}`, [], {cause: error});
  }
  return new PeerLost(
    `connect: no connection to '${address}': nobody listens, the peer died, or it hung up because ` +
      `this end is not on its allow-list (${text}).`,
    {cause: error},
  );
}

/** Opens the stream of a channel, for at most as long as `options` say. */
async function dial(
  node: Libp2p,
  address: string,
  peerId: string,
  {signal, timeoutMs = CONNECT_TIMEOUT_MS}: WaitOptions,
): Promise<Stream> {
  const {multiaddr} = await import('@multiformats/multiaddr');
  let target: ReturnType<typeof multiaddr>;
  try {
    target = multiaddr(address);
  } catch (error) {
    throw new Refused(
      `connect: '${address}' is no multiaddr (${(error as Error).message}); ` +
        "expected for instance '/ip4/192.0.2.1/tcp/4001/p2p/<PeerId>'.",
      [],
      {cause: error},
    );
  }
  const late = AbortSignal.timeout(timeoutMs);
  const either = signal == null ? late : AbortSignal.any([signal, late]);
  try {
    return await node.dialProtocol(target, PROTOCOL, {signal: either});
  } catch (error) {
    signal?.throwIfAborted();
    if (late.aborted) {
      throw new Timeout(`connect: '${address}' did not answer within ${timeoutMs} ms.`, {
        cause: error,
      });
    }
    throw dialError(error, address, peerId);
  }
}

/**
 * A transport between processes and machines: js-libp2p with TCP (Node) and WebSockets, encrypted
 * by noise, peers known by their key. libp2p is loaded by the first call, not before.
 *
 * Addresses are multiaddrs: listen at `/ip4/0.0.0.0/tcp/4001` or, for browsers, at
 * `/ip4/0.0.0.0/tcp/4002/ws`. Strangers are cut off before they learn anything.
 *
 * @throws ListenFailed naming each address that cannot be listened at, and what to do. Error if the identity is none.
 */
export async function libp2pTransport(args: Libp2pTransportArgs): Promise<Transport> {
  checkTransportArgs('libp2pTransport', args, ['pingIntervalMs']);
  const {identity, listen = [], heartbeat, pingIntervalMs} = args;
  if (pingIntervalMs != null) {
    checkPositive('libp2pTransport', 'pingIntervalMs', pingIntervalMs);
  }
  const hub = new ChannelHub(args);
  await checkListen(listen);
  await installNodeShims();
  const {createLibp2p} = await import('libp2p');
  const node = await createLibp2p({
    ...(await libp2pOptions({
      privateKey: await privateKeyOf(identity.privateKey),
      listen,
      isAllowed: (peerId) => hub.admit(peerId),
      heartbeatTimeoutMs: heartbeat?.timeoutMs ?? 0,
      pingIntervalMs,
    })),
    start: false,
  });
  const id = node.peerId.toString();
  if (id !== identity.peerId) {
    throw new Error(
      `libp2pTransport: identity.peerId is ${identity.peerId}, its privateKey is that of ${id}.`,
    );
  }
  await node.handle(PROTOCOL, (stream, connection) => {
    void hub.accept(new Libp2pLink(stream, connection.remotePeer.toString()));
  });
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw listenError(error, listen);
  }
  return {
    id,
    get addresses() {
      return node.getMultiaddrs().map((address) => address.toString());
    },
    async connect(address: string, options: WaitOptions = {}): Promise<Channel> {
      const {peerId} = hub.checkAddress(address);
      options.signal?.throwIfAborted();
      const stream = await dial(node, address, peerId, options);
      return hub.open(new Libp2pLink(stream, peerId), options);
    },
    onChannel: (callback) => hub.onChannel(callback),
    async close() {
      await hub.close();
      await node.stop();
    },
  };
}
