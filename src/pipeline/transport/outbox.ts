import {encodeFrame, frameSize, joinPieces} from '../wire/encode_frame.js';
import type {FrameSize} from '../wire/encode_frame.js';
import type {DataFrameType, OutgoingFrame} from '../wire/frame.js';
import type {Link} from './link.js';
import type {WaitOptions} from './transport.js';
import {FrameTooLarge, ProtocolError} from './transport_errors.js';
import {pending} from './wait.js';
import type {Pending} from './wait.js';

/** What the peer takes. */
export interface OutboxLimits {
  readonly epoch: number;
  /** Largest frame that both ends take, in bytes. */
  readonly maxFrameBytes: number;
  /** Bytes of frames that may be under way. */
  readonly creditBytes: number;
}

interface Queued {
  readonly frame: OutgoingFrame<DataFrameType>;
  readonly size: FrameSize;
  readonly sent: Pending<void>;
}

/** Frames on their way out: numbers them and keeps to the peer's credit. */
export class Outbox {
  private readonly queue: Queued[] = [];
  private nextSeq = 0;
  /** Bytes sent that the peer's user has not taken. */
  inFlight = 0;
  frames = 0;
  payloadBytes = 0;
  totalBytes = 0;

  constructor(
    private readonly link: Link,
    private readonly limits: OutboxLimits,
  ) {}

  /** Bytes of frames that wait. */
  get queuedBytes(): number {
    return this.queue.reduce((sum, {size}) => sum + size.total, 0);
  }

  /** Sends a frame when it is its turn; see `Channel.send`. */
  send(frame: OutgoingFrame<DataFrameType>, options: WaitOptions): Promise<void> {
    const to = this.link.remoteId;
    const size = frameSize(frame);
    const most = this.limits.maxFrameBytes;
    if (size.total > most) {
      throw new FrameTooLarge(
        `send: a frame of type '${frame.type}' has ${size.total} bytes, ${to} and this end take ` +
          `at most ${most}; raise maxFrameBytes or send smaller microbatches.`,
      );
    }
    const sent = pending<void>(
      options,
      () => `sending a frame of type '${frame.type}' to ${to}`,
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

  /** Sends what waits, as far as credit and link allow. */
  flush(): void {
    const {epoch, creditBytes} = this.limits;
    while (this.queue.length > 0 && this.link.writable) {
      const {frame, size, sent} = this.queue[0];
      // A frame larger than the credit travels alone: it could never be sent otherwise.
      if (this.inFlight > 0 && this.inFlight + size.total > creditBytes) {
        return;
      }
      this.queue.shift();
      const bytes = joinPieces(encodeFrame({...frame, epoch, seq: this.nextSeq}));
      this.nextSeq = (this.nextSeq + 1) >>> 0;
      this.inFlight += size.total;
      this.totalBytes += size.total;
      this.payloadBytes += size.payload;
      this.frames++;
      sent.resolve();
      this.link.write(bytes);
    }
  }

  /** The peer's user took frames of so many bytes. Throws ProtocolError if that cannot be. */
  addCredit(bytes: unknown): void {
    if (typeof bytes !== 'number' || !(bytes > 0 && bytes <= this.inFlight)) {
      throw new ProtocolError(
        `${this.link.remoteId} gave credit for ${String(bytes)} bytes, ` +
          `${this.inFlight} are under way.`,
      );
    }
    this.inFlight -= bytes;
    this.flush();
  }

  /** Nothing is sent any more. */
  end(error: Error): void {
    for (const {sent} of this.queue.splice(0)) {
      sent.reject(error);
    }
  }
}
