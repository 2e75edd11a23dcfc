/** Why a transport or a channel cannot do what was asked. */
export {FrameTooLarge} from '../wire/wire_errors.js';

/** What all errors of transports have in common, but for FrameTooLarge. */
export class TransportError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The peer died, or the connection to it, without a goodbye; what was on its way may be lost. */
export class PeerLost extends TransportError {}

/** Nothing was heard of the peer, or an operation was not done, within the time it was given. */
export class Timeout extends TransportError {}

/** One of the two ends does not want the other: unknown key, other configuration, bad address. */
export class Refused extends TransportError {
  /** What differs, by name, where the reason is a difference in the hello. */
  readonly differs: readonly string[];
  constructor(message: string, differs: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.differs = differs;
  }
}

/** The peer broke the rules of the protocol: a gap in the frames, more than its credit, garbage. */
export class ProtocolError extends TransportError {}

/** An address cannot be listened at: of another machine, taken, or no address at all. */
export class ListenFailed extends TransportError {}

/** The channel was closed in good order, by this end or by the peer. */
export class ChannelClosed extends TransportError {}
