/**
 * How libp2p has to be set for bulk tensors: its defaults cut healthy slow lines and refuse peers
 * that share an address. Each setting was measured to be needed.
 */
import type {Libp2pOptions} from 'libp2p';
import type {PrivateKey} from '@libp2p/interface';
import {CONNECT_TIMEOUT_MS} from './channel_hub.js';

/** What the options depend on. */
export interface Libp2pOptionsArgs {
  readonly privateKey: PrivateKey;
  readonly listen: readonly string[];
  /** Asked once a peer that connected has proved its key. */
  readonly isAllowed: (peerId: string) => boolean;
  /** See `HeartbeatArgs.timeoutMs`. */
  readonly heartbeatTimeoutMs: number;
  /** How often libp2p pings by itself, in milliseconds. Default 10000. */
  readonly pingIntervalMs?: number;
}

/** Bytes that yamux lets a peer send ahead on a stream; more only makes small messages wait. */
const WINDOW_BYTES = 2 * 1024 * 1024;

/** The options of a node. Imports libp2p's parts; the shims must be in place. */
export async function libp2pOptions(args: Libp2pOptionsArgs): Promise<Libp2pOptions> {
  const {noise} = await import('@libp2p/noise');
  const {yamux} = await import('@libp2p/yamux');
  const {webSockets} = await import('@libp2p/websockets');
  const {identify} = await import('@libp2p/identify');
  const {ping} = await import('@libp2p/ping');
  const inNode = typeof process !== 'undefined' && process.versions?.node != null;
  const transports = [webSockets()] as NonNullable<Libp2pOptions['transports']>;
  if (inNode) {
    const {tcp} = await import('@libp2p/tcp');
    // By default a socket without traffic for two minutes is dropped, also one whose process
    // computed for so long: the timer then fires before what arrived is read.
    transports.unshift(
      tcp({inboundSocketInactivityTimeout: 0, outboundSocketInactivityTimeout: 0}),
    );
  }
  const pingTimeoutMs = Math.max(60000, args.heartbeatTimeoutMs);
  return {
    privateKey: args.privateKey,
    addresses: {listen: [...args.listen]},
    transports,
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: {
          maxStreamWindowSize: WINDOW_BYTES,
          // A window larger than the read buffer resets a stream that is paused.
          maxReadBufferLength: 2 * WINDOW_BYTES,
        },
      }),
    ],
    services: {identify: identify(), ping: ping()},
    connectionMonitor: {
      pingInterval: args.pingIntervalMs ?? 10000,
      // The defaults (5 s, then the connection is cut) end every bulk transfer on a slow line and
      // every peer that computes for long. Our heartbeat alone decides who is dead.
      pingTimeout: {minTimeout: pingTimeoutMs, maxTimeout: pingTimeoutMs},
      abortConnectionOnPingFailure: false,
    },
    connectionManager: {
      // The defaults (5 a second and address) refuse most of the stages that share one.
      inboundConnectionThreshold: 1000,
      maxIncomingPendingConnections: 256,
      // A peer that computes answers late. `connect` has its own, shorter limit where asked.
      dialTimeout: CONNECT_TIMEOUT_MS,
      addressDialTimeout: CONNECT_TIMEOUT_MS,
      // Default 10 s: two stages that start on a busy machine need longer for their handshake.
      inboundUpgradeTimeout: CONNECT_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: CONNECT_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: CONNECT_TIMEOUT_MS,
      // Connecting again is for who uses the transport: its streams would not come back.
      reconnectRetries: 0,
    },
    connectionGater: {
      // Browsers refuse private addresses by default. Whom we dial is decided by PeerId.
      denyDialMultiaddr: () => false,
      denyInboundEncryptedConnection: (peerId) => !args.isAllowed(peerId.toString()),
    },
  };
}
