export {createIdentity, identityFromKey} from './identity.js';
export {inProcessTransport, InProcessNetwork} from './in_process_transport.js';
export type {InProcessTransportArgs} from './in_process_transport.js';
export {libp2pTransport} from './libp2p_transport.js';
export type {Libp2pTransportArgs} from './libp2p_transport.js';
export type {LineSettings} from './in_process_link.js';
export type {
  Channel,
  ChannelStats,
  CloseReason,
  HeartbeatArgs,
  Identity,
  Peer,
  Transport,
  TransportArgs,
  WaitOptions,
} from './transport.js';
export {
  ChannelClosed,
  FrameTooLarge,
  ListenFailed,
  PeerLost,
  ProtocolError,
  Refused,
  Timeout,
  TransportError,
} from './transport_errors.js';
