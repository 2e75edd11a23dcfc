/**
 * The one implementation of `Channel`, on whatever link a transport has: hello, numbering, credit,
 * heartbeat and the ways to end.
 */
import {encodeFrame, frameSize, joinPieces} from '../wire/encode_frame.js';
import type {FrameSize} from '../wire/encode_frame.js';
import type {DataFrame, DataFrameType, Frame, JsonValue, OutgoingFrame} from '../wire/frame.js';
import type {ChannelFrameType} from '../wire/frame.js';
import {FrameReader} from '../wire/frame_reader.js';
import {helloDifferences, parseHello} from './hello.js';
import type {Hello} from './hello.js';
import type {Link} from './link.js';
import {Liveness} from './liveness.js';
import type {Channel, ChannelStats, CloseReason, Peer, WaitOptions} from './transport.js';
import {
  ChannelClosed,
  FrameTooLarge,
  PeerLost,
  ProtocolError,
  Refused,
  Timeout,
} from './transport_errors.js';
import {pending} from './wait.js';
import type {Pending} from './wait.js';

const DATA_TYPES = new Set<string>([
  'activation',
  'gradient',
  'reduce',
  'commit',
  'control',
  'abort',
] satisfies DataFrameType[]);

/** What a transport says of all its channels. */
export interface ChannelSettings {
  readonly hello: Hello;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
}

interface Queued {
  readonly frame: OutgoingFrame<DataFrameType>;
  readonly size: FrameSize;
  readonly sent: Pending<void>;
}

interface Unread {
  readonly frame: DataFrame;
  readonly bytes: number;
}

export class FrameChannel implements Channel {
  readonly closed: Promise<CloseReason>;
  private readonly opened: Promise<void>;
  private settleOpened!: {resolve: () => void; reject: (error: Error) => void};
  private settleClosed!: (reason: CloseReason) => void;
  private readonly reader: FrameReader;
  private readonly queue: Queued[] = [];
  private readonly unread: Unread[] = [];
  private readonly waiters: Pending<DataFrame>[] = [];
  private peerHello: Hello | null = null;
  private reason: CloseReason | null = null;
  private liveness: Liveness | null = null;
  private linkClosed: Promise<void> = Promise.resolve();
  private helloSentAt = 0;
  private seqOut = 0;
  private seqIn = 0;
  private bytesOut = 0;
  private bytesIn = 0;
  private payloadOut = 0;
  private payloadIn = 0;
  private framesOut = 0;
  private framesIn = 0;
  private inFlight = 0;
  private unreadBytes = 0;
  private rttMs?: number;

  /** @param dials Whether this end opened the link, and so speaks first. */
  constructor(
    private readonly link: Link,
    private readonly settings: ChannelSettings,
    private readonly dials: boolean,
  ) {
    this.reader = new FrameReader(settings.hello.maxFrameBytes);
    this.closed = new Promise((resolve) => (this.settleClosed = resolve));
    this.opened = new Promise((resolve, reject) => (this.settleOpened = {resolve, reject}));
    this.opened.catch(() => undefined);
    link.start({
      onBytes: (bytes) => this.onBytes(bytes),
      onWritable: () => this.flush(),
      onEnd: (error) => this.onLinkEnd(error),
    });
    if (dials) {
      this.helloSentAt = performance.now();
      this.write('hello', {...settings.hello});
    }
  }

  get peer(): Peer {
    return {id: this.link.remoteId, info: this.peerHello?.info};
  }

  /** Resolves when both ends have agreed. Rejects with why they did not, and drops the link. */
  async open(options: WaitOptions): Promise<void> {
    const giveUp = pending<void>(options, () => `the hello of ${this.link.remoteId}`);
    this.opened.then(giveUp.resolve, giveUp.reject);
    try {
      await giveUp.promise;
    } catch (error) {
      this.finish('lost', error as Error);
      this.link.abort(error as Error);
      throw error;
    }
  }

  async send(frame: OutgoingFrame<DataFrameType>, options: WaitOptions = {}): Promise<void> {
    this.throwIfEnded();
    if (!DATA_TYPES.has(frame.type)) {
      throw new Error(
        `send: type is '${frame.type}'; expected one of ${[...DATA_TYPES].join(', ')}.`,
      );
    }
    const size = frameSize(frame);
    const most = Math.min(this.settings.hello.maxFrameBytes, this.peerHello!.maxFrameBytes);
    if (size.total > most) {
      throw new FrameTooLarge(
        `send: a frame of type '${frame.type}' has ${size.total} bytes, ${this.link.remoteId} and ` +
          `this end take at most ${most}; raise maxFrameBytes or send smaller microbatches.`,
      );
    }
    const sent = pending<void>(
      options,
      () => `sending a frame of type '${frame.type}' to ${this.link.remoteId}`,
      () => {
        const at = this.queue.findIndex((queued) => queued.sent === sent);
        this.queue.splice(at, 1);
        this.flush();
      },
    );
    this.queue.push({frame, size, sent});
    this.flush();
    return sent.promise;
  }

  async receive(options: WaitOptions = {}): Promise<DataFrame> {
    options.signal?.throwIfAborted();
    const next = this.unread.shift();
    if (next != null) {
      this.giveCredit(next.bytes);
      return next.frame;
    }
    this.throwIfEnded();
    const waiter = pending<DataFrame>(
      options,
      () => `waiting for a frame of ${this.link.remoteId}`,
      () => this.waiters.splice(this.waiters.indexOf(waiter), 1),
    );
    this.waiters.push(waiter);
    return waiter.promise;
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
    return {
      bytesOut: this.bytesOut,
      bytesIn: this.bytesIn,
      payloadOut: this.payloadOut,
      payloadIn: this.payloadIn,
      framesOut: this.framesOut,
      framesIn: this.framesIn,
      rttMs: this.rttMs,
      queued: this.queue.reduce((sum, {size}) => sum + size.total, 0),
      inFlight: this.inFlight,
      unread: this.unreadBytes,
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

  /** Sends what is waiting as far as credit and link allow. */
  private flush(): void {
    while (this.reason == null && this.queue.length > 0 && this.link.writable) {
      const {frame, size, sent} = this.queue[0];
      // A frame larger than the credit travels alone: it could never be sent otherwise.
      if (this.inFlight > 0 && this.inFlight + size.total > this.peerHello!.creditBytes) {
        return;
      }
      this.queue.shift();
      const {epoch} = this.settings.hello;
      const bytes = joinPieces(encodeFrame({...frame, epoch, seq: this.seqOut}));
      this.seqOut = (this.seqOut + 1) >>> 0;
      this.inFlight += size.total;
      this.bytesOut += size.total;
      this.payloadOut += size.payload;
      this.framesOut++;
      sent.resolve();
      this.link.write(bytes);
    }
  }

  /** Frames of the channel itself need no credit: they are small, and consumed at once. */
  private write(type: ChannelFrameType, message?: JsonValue): void {
    const bytes = joinPieces(encodeFrame({type, epoch: this.settings.hello.epoch, message}));
    this.bytesOut += bytes.byteLength;
    this.link.write(bytes);
  }

  private giveCredit(bytes: number): void {
    this.unreadBytes -= bytes;
    if (this.reason == null) {
      this.write('credit', {bytes});
    }
  }

  private onBytes(chunk: Uint8Array): void {
    this.bytesIn += chunk.byteLength;
    this.liveness?.heard();
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
    } else if (this.peerHello == null) {
      this.onHello(frame);
    } else if (DATA_TYPES.has(frame.type)) {
      this.onData(frame as DataFrame, bytes);
    } else if (frame.type === 'credit') {
      this.onCredit(frame.message as {bytes?: unknown} | undefined);
    } else if (frame.type === 'heartbeat') {
      this.onHeartbeat(frame.message as {ping?: number; pong?: number} | undefined);
    } else if (frame.type === 'close') {
      this.finish('remote');
      this.linkClosed = this.link.close();
    } else {
      throw new ProtocolError(`${this.link.remoteId} sent a second '${frame.type}'.`);
    }
  }

  private onHello(frame: Frame): void {
    const hello = frame.type === 'hello' ? parseHello(frame.message) : null;
    if (hello == null) {
      throw new ProtocolError(
        `${this.link.remoteId} began with a frame of type '${frame.type}' that is no good hello.`,
      );
    }
    const own = this.settings.hello;
    const differs = helloDifferences(own, hello);
    if (differs.length > 0) {
      throw new Refused(
        `${this.link.remoteId} does not run the same as this end: ${differs.join('; ')}.`,
        differs,
      );
    }
    if (this.dials) {
      this.rttMs = performance.now() - this.helloSentAt;
    } else {
      this.write('hello', {...own});
    }
    this.peerHello = hello;
    const {heartbeatIntervalMs, heartbeatTimeoutMs} = this.settings;
    this.liveness = new Liveness(
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      // While much waits to be sent, its bytes tell the peer that we are alive.
      () => this.link.writable && this.write('heartbeat', {ping: performance.now()}),
      () => {
        const error = new Timeout(
          `not a byte came from ${this.link.remoteId} for ${heartbeatTimeoutMs} ms ` +
            '(heartbeat.timeoutMs): it hangs, computes for longer, or the line is dead.',
        );
        this.finish('timeout', error);
        this.link.abort(error);
      },
    );
    this.settleOpened.resolve();
  }

  private onData(frame: DataFrame, bytes: number): void {
    const {epoch, creditBytes} = this.settings.hello;
    if (frame.epoch !== epoch) {
      throw new ProtocolError(
        `${this.link.remoteId} sent a frame of epoch ${frame.epoch}, this is epoch ${epoch}.`,
      );
    }
    // Numbers wrap at 2^32; the difference as int32 tells earlier from later all the same.
    const ahead = (frame.seq - this.seqIn) | 0;
    if (ahead > 0) {
      throw new ProtocolError(
        `${this.link.remoteId} sent frame ${frame.seq} where ${this.seqIn} was expected: ` +
          `${ahead} frames are missing.`,
      );
    }
    if (this.unreadBytes > 0 && this.unreadBytes + bytes > creditBytes) {
      throw new ProtocolError(
        `${this.link.remoteId} sent ${bytes} bytes while ${this.unreadBytes} were not taken, ` +
          `beyond its credit of ${creditBytes}.`,
      );
    }
    this.unreadBytes += bytes;
    if (ahead < 0) {
      this.giveCredit(bytes);
      return;
    }
    this.seqIn = (this.seqIn + 1) >>> 0;
    this.framesIn++;
    for (const tensor of frame.tensors) {
      this.payloadIn += tensor.bytes.byteLength;
    }
    const waiter = this.waiters.shift();
    if (waiter == null) {
      this.unread.push({frame, bytes});
    } else {
      this.giveCredit(bytes);
      waiter.resolve(frame);
    }
  }

  private onCredit(message: {bytes?: unknown} | undefined): void {
    const bytes = message?.bytes;
    if (typeof bytes !== 'number' || !(bytes > 0 && bytes <= this.inFlight)) {
      throw new ProtocolError(
        `${this.link.remoteId} gave credit for ${String(bytes)} bytes, ${this.inFlight} are under way.`,
      );
    }
    this.inFlight -= bytes;
    this.flush();
  }

  private onHeartbeat(message: {ping?: number; pong?: number} | undefined): void {
    if (typeof message?.ping === 'number') {
      this.write('heartbeat', {pong: message.ping});
    } else if (typeof message?.pong === 'number') {
      this.rttMs = performance.now() - message.pong;
    }
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
    this.liveness?.stop();
    const ended = this.endError(this.reason);
    this.settleOpened.reject(ended);
    for (const {sent} of this.queue.splice(0)) {
      sent.reject(ended);
    }
    for (const waiter of this.waiters.splice(0)) {
      waiter.reject(ended);
    }
    this.settleClosed(this.reason);
  }

  private endError({kind, error}: CloseReason): Error {
    const who = kind === 'local' ? 'this end' : 'the peer';
    return error ?? new ChannelClosed(`the channel to ${this.link.remoteId} was closed by ${who}.`);
  }

  private throwIfEnded(): void {
    if (this.reason != null) {
      throw this.endError(this.reason);
    }
  }
}
