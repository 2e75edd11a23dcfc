/** Moves frames between peers. Knows nothing of tensors, schedules or training. */
import type {DataFrame, DataFrameType, JsonValue, OutgoingFrame} from '../wire/frame.js';

/** Who a peer is: the PeerId is the hash of, or holds, its public key. Plain strings, for JSON. */
export interface Identity {
  /** What others know the peer by. */
  readonly peerId: string;
  /** The private key, protobuf as in libp2p, base64. Whoever has it is this peer. */
  readonly privateKey: string;
}

/** Finds a peer that is frozen or behind a dead line without an error. */
export interface HeartbeatArgs {
  /** How often to say that we are alive, in milliseconds. Default 5000. */
  readonly intervalMs?: number;
  /**
   * A peer of which not a byte arrived for so long is given up with `Timeout`, in milliseconds.
   * Must be longer than the longest time that a peer computes without a pause. Time in which this
   * process itself could not look does not count. Default 60000.
   */
  readonly timeoutMs?: number;
}

/** What both kinds of transport are made of. */
export interface TransportArgs {
  readonly identity: Identity;
  /** PeerIds that may connect, and may be connected to. Nobody else. */
  readonly allow: Iterable<string>;
  /** Addresses to listen at. Default: none, which leaves connecting to others. */
  readonly listen?: readonly string[];
  /** Hash of whatever both ends must agree on; a peer with another one is refused. */
  readonly configHash: string;
  /** `{name: version}` of the codecs in use, likewise. Default: all that are registered. */
  readonly codecs?: Readonly<Record<string, number>>;
  /** Incarnation of the run, raised with each restart, likewise. Default 0. */
  readonly epoch?: number;
  /** Told to every peer in the hello and found there in `channel.peer.info`, e.g. the stage. */
  readonly info?: JsonValue;
  /** Largest frame sent or accepted, in bytes. Default 64 MiB. */
  readonly maxFrameBytes?: number;
  /**
   * How many bytes of frames a peer may have sent that were not yet taken from the channel, per
   * channel: it bounds memory on both ends. A larger frame travels alone. 2 to 4 times bandwidth ×
   * round trip keeps a line busy. Default 4 MiB.
   */
  readonly creditBytes?: number;
  readonly heartbeat?: HeartbeatArgs;
  /** Called for each peer that was refused after it had proved its key, in place of onChannel. */
  readonly onRefused?: (peerId: string, reason: Error) => void;
}

export interface WaitOptions {
  /** Gives up when aborted, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Gives up after so many milliseconds, with `Timeout`. Default: never. */
  readonly timeoutMs?: number;
}

/** What both ends of a connection call each other. */
export interface Transport {
  /** Own PeerId. */
  readonly id: string;
  /** Addresses at which others reach this peer, each ending in /p2p/<PeerId>. */
  readonly addresses: readonly string[];
  /**
   * Opens a channel to the peer at an address that ends in /p2p/<PeerId>. Gives up after 30 s where
   * nothing else is asked.
   *
   * @throws Refused: address without PeerId, another peer there, not on the allow-list of this end,
   *     hello differs. PeerLost: nobody listens there, or the peer hung up without a word, as it
   *     does on those that are not on its allow-list. Timeout, or the signal's reason.
   */
  connect(address: string, options?: WaitOptions): Promise<Channel>;
  /** Where channels go that peers on the allow-list opened. Earlier ones are handed over at once. */
  onChannel(callback: (channel: Channel) => void): void;
  /** Closes all channels and lets go of everything. */
  close(): Promise<void>;
}

/** How a channel ended. */
export interface CloseReason {
  /** `local` and `remote`: in good order, by that end. The others come with the error. */
  readonly kind: 'local' | 'remote' | 'lost' | 'timeout' | 'refused' | 'protocol';
  readonly error?: Error;
}

/**
 * Bytes are those of frames: what encryption and the line add is not counted. `payload` are the
 * bytes of tensors, the rest is headers, messages, credit and heartbeats.
 */
export interface ChannelStats {
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly payloadOut: number;
  readonly payloadIn: number;
  /** Frames of the user, not of the channel itself. */
  readonly framesOut: number;
  readonly framesIn: number;
  /** Last measured time for a heartbeat and its answer, in milliseconds. */
  readonly rttMs?: number;
  /** Bytes of frames whose `send` waits. */
  readonly queued: number;
  /** Bytes sent that the peer's user has not taken. */
  readonly inFlight: number;
  /** Bytes received that the user has not taken. */
  readonly unread: number;
}

/** What the other end said of itself, and proved to be. */
export interface Peer {
  readonly id: string;
  readonly info?: JsonValue;
}

/** A line to one peer on which frames arrive whole, once and in order. */
export interface Channel extends AsyncIterable<DataFrame> {
  readonly peer: Peer;
  /**
   * Sends a frame. Resolves once it is within the peer's credit and copied: the tensors' bytes may
   * then change. Frames leave in the order of the calls. A frame that was given up, by `signal` or
   * `timeoutMs`, was not sent and takes no number.
   *
   * @throws FrameTooLarge before anything is sent; PeerLost, Timeout, ChannelClosed.
   */
  send(frame: OutgoingFrame<DataFrameType>, options?: WaitOptions): Promise<void>;
  /**
   * Takes the next frame, which gives its credit back to the sender. Frames that had arrived before
   * the channel ended still come.
   *
   * @throws ChannelClosed once there are no more; PeerLost, Timeout, ProtocolError.
   */
  receive(options?: WaitOptions): Promise<DataFrame>;
  /** Ends after a close in good order, throws otherwise. */
  [Symbol.asyncIterator](): AsyncIterator<DataFrame>;
  /** Resolves when the channel ends, however it does. */
  readonly closed: Promise<CloseReason>;
  stats(): ChannelStats;
  /** Says goodbye. What was sent still arrives; what waits to be sent is refused. */
  close(): Promise<void>;
}
