/**
 * The one implementation of `Channel`, on whatever link a transport has: who speaks when, and the
 * ways to end. What is sent and received is in `Outbox` and `Inbox`.
 */
import {encodeFrame, joinPieces} from '../wire/encode_frame.js';
import {DATA_FRAME_TYPES, isDataFrame} from '../wire/frame.js';
import type {ChannelFrameType, DataFrame, DataFrameType} from '../wire/frame.js';
import type {Frame, JsonValue, OutgoingFrame} from '../wire/frame.js';
import {FrameReader} from '../wire/frame_reader.js';
import {Heartbeat, type HeartbeatTimes} from './heartbeat.js';
import {agreedHello, type Hello} from './hello.js';
import {Inbox} from './inbox.js';
import type {Link} from './link.js';
import {Outbox} from './outbox.js';
import type {Channel, ChannelStats, CloseReason, Peer, WaitOptions} from './transport.js';
import {ChannelClosed, PeerLost, ProtocolError, Refused, type Timeout} from './transport_errors.js';
import {pending} from './wait.js';

/** What a transport says of all its channels. */
export interface ChannelSettings extends HeartbeatTimes {
  readonly hello: Hello;
}

/** A channel on a link. Use it once `open` has resolved. */
export class FrameChannel implements Channel {
  readonly closed: Promise<CloseReason>;
  private readonly opened: Promise<void>;
  private settleOpened!: {resolve: () => void; reject: (error: Error) => void};
  private settleClosed!: (reason: CloseReason) => void;
  private readonly reader: FrameReader;
  private readonly inbox: Inbox;
  /** There is none before the peer's hello, which tells how much it takes. */
  private outbox: Outbox | null = null;
  private peerHello: Hello | null = null;
  private reason: CloseReason | null = null;
  private heartbeat: Heartbeat | null = null;
  private linkClosed: Promise<void> = Promise.resolve();
  private helloSentAt = 0;
  private bytesIn = 0;
  /** Bytes of the channel's own frames. */
  private ownBytesOut = 0;

  /** @param dials Whether this end opened the link, and so speaks first. */
  constructor(
    private readonly link: Link,
    private readonly settings: ChannelSettings,
    private readonly dials: boolean,
  ) {
    const {hello} = settings;
    this.reader = new FrameReader(hello.maxFrameBytes);
    this.inbox = new Inbox(link.remoteId, hello, (bytes) => this.write('credit', {bytes}));
    this.closed = new Promise((resolve) => (this.settleClosed = resolve));
    this.opened = new Promise((resolve, reject) => (this.settleOpened = {resolve, reject}));
    // Whether it opened is known by `open`; one that is never called must not end the process.
    this.opened.catch(() => undefined);
    link.start({
      onBytes: (bytes) => this.onBytes(bytes),
      onWritable: () => this.outbox?.flush(),
      onEnd: (error) => this.onLinkEnd(error),
    });
    if (dials) {
      this.helloSentAt = performance.now();
      this.write('hello', {...hello});
    }
  }

  get peer(): Peer {
    return {id: this.link.remoteId, info: this.peerHello?.info};
  }

  /** Resolves when both ends have agreed. Rejects with why they did not, and drops the link. */
  async open(options: WaitOptions): Promise<void> {
    try {
      const agreed = pending<void>(options, () => `the hello of ${this.link.remoteId}`);
      this.opened.then(agreed.resolve, agreed.reject);
      await agreed.promise;
    } catch (error) {
      if (this.reason == null) {
        this.finish('lost', error as Error);
        this.link.abort(error as Error);
      }
      throw error;
    }
  }

  async send(frame: OutgoingFrame<DataFrameType>, options: WaitOptions = {}): Promise<void> {
    if (this.reason != null) {
      throw this.endError(this.reason);
    }
    if (!DATA_FRAME_TYPES.includes(frame.type)) {
      throw new Error(
        `send: type is '${frame.type}'; expected one of ${DATA_FRAME_TYPES.join(', ')}.`,
      );
    }
    return this.outbox!.send(frame, options);
  }

  async receive(options: WaitOptions = {}): Promise<DataFrame> {
    return this.inbox.receive(options);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DataFrame, void> {
    for (;;) {
      let frame: DataFrame;
      try {
        frame = await this.receive();
      } catch (error) {
        if (error instanceof ChannelClosed) {
          return;
        }
        throw error;
      }
      yield frame;
    }
  }

  stats(): ChannelStats {
    const {inbox, outbox} = this;
    return {
      bytesOut: this.ownBytesOut + (outbox?.totalBytes ?? 0),
      bytesIn: this.bytesIn,
      payloadOut: outbox?.payloadBytes ?? 0,
      payloadIn: inbox.payloadBytes,
      framesOut: outbox?.frames ?? 0,
      framesIn: inbox.frames,
      rttMs: this.heartbeat?.rttMs,
      queued: outbox?.queuedBytes ?? 0,
      inFlight: outbox?.inFlight ?? 0,
      unread: inbox.unreadBytes,
    };
  }

  async close(): Promise<void> {
    if (this.reason == null) {
      this.write('close');
      this.finish('local');
      this.linkClosed = this.link.close();
    }
    await this.linkClosed;
  }

  /** Frames of the channel itself need no credit: they are small, and consumed at once. */
  private write(type: ChannelFrameType, message?: JsonValue): void {
    if (this.reason == null) {
      const bytes = joinPieces(encodeFrame({type, epoch: this.settings.hello.epoch, message}));
      this.ownBytesOut += bytes.byteLength;
      this.link.write(bytes);
    }
  }

  private onBytes(chunk: Uint8Array): void {
    this.bytesIn += chunk.byteLength;
    this.heartbeat?.heard();
    try {
      for (const {frame, bytes} of this.reader.push(chunk)) {
        if (this.reason != null) {
          return;
        }
        this.handle(frame, bytes);
      }
    } catch (error) {
      const own = error instanceof ProtocolError || error instanceof Refused;
      this.giveUp(own ? error : new ProtocolError((error as Error).message, {cause: error}));
    }
  }

  private handle(frame: Frame, bytes: number): void {
    if (frame.type === 'refuse') {
      const {differs = [], reason} = (frame.message ?? {}) as {differs?: string[]; reason?: string};
      const error = new Refused(`${this.link.remoteId} refused: ${reason}`, differs);
      this.finish('refused', error);
      this.linkClosed = this.link.close();
    } else if (this.outbox == null) {
      this.onHello(frame);
    } else if (isDataFrame(frame)) {
      this.inbox.accept(frame, bytes);
    } else if (frame.type === 'credit') {
      this.outbox.addCredit((frame.message as {bytes?: unknown} | undefined)?.bytes);
    } else if (frame.type === 'heartbeat') {
      this.heartbeat?.receive(frame.message);
    } else if (frame.type === 'close') {
      this.finish('remote');
      this.linkClosed = this.link.close();
    } else {
      throw new ProtocolError(`${this.link.remoteId} sent a second '${frame.type}'.`);
    }
  }

  private onHello(frame: Frame): void {
    const own = this.settings.hello;
    const peer = agreedHello(frame, own, this.link.remoteId);
    const rttMs = this.dials ? performance.now() - this.helloSentAt : undefined;
    if (!this.dials) {
      this.write('hello', {...own});
    }
    this.peerHello = peer;
    this.outbox = new Outbox(this.link, {
      epoch: own.epoch,
      maxFrameBytes: Math.min(own.maxFrameBytes, peer.maxFrameBytes),
      creditBytes: peer.creditBytes,
    });
    this.heartbeat = this.makeHeartbeat(rttMs);
    this.settleOpened.resolve();
  }

  private makeHeartbeat(rttMs?: number): Heartbeat {
    const channel = {
      peerId: this.link.remoteId,
      quiet: () => this.link.writable,
      say: (message: JsonValue) => this.write('heartbeat', message),
      onDead: (error: Timeout) => {
        this.finish('timeout', error);
        this.link.abort(error);
      },
    };
    return new Heartbeat(channel, this.settings, rttMs);
  }

  /** The link ended. Without a goodbye that is a loss, even between two frames. */
  private onLinkEnd(error?: Error): void {
    const rest = this.reader.unfinishedBytes;
    const where = rest > 0 ? ` after ${rest} bytes of an unfinished frame` : '';
    const why = error == null ? '' : `: ${error.message}`;
    const lost = new PeerLost(`the connection to ${this.link.remoteId} ended${where}${why}.`, {
      cause: error,
    });
    this.finish('lost', lost);
    this.link.abort(lost);
  }

  /** Tells the peer why, as far as it listens, and ends. */
  private giveUp(error: ProtocolError | Refused): void {
    const refused = error instanceof Refused;
    this.write('refuse', {reason: error.message, differs: refused ? error.differs : []});
    this.finish(refused ? 'refused' : 'protocol', error);
    this.linkClosed = this.link.close();
  }

  private finish(kind: CloseReason['kind'], error?: Error): void {
    if (this.reason != null) {
      return;
    }
    this.reason = error == null ? {kind} : {kind, error};
    this.heartbeat?.stop();
    const ended = this.endError(this.reason);
    this.settleOpened.reject(ended);
    this.outbox?.end(ended);
    this.inbox.end(ended);
    this.settleClosed(this.reason);
  }

  private endError({kind, error}: CloseReason): Error {
    const who = kind === 'local' ? 'this end' : 'the peer';
    return error ?? new ChannelClosed(`the channel to ${this.link.remoteId} was closed by ${who}.`);
  }
}
