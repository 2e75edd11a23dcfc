import type {DataFrame} from '../wire/frame.js';
import type {WaitOptions} from './transport.js';
import {ProtocolError} from './transport_errors.js';
import {pending} from './wait.js';
import type {Pending} from './wait.js';

/** Frames that arrived, until the user takes them. */
export class Inbox {
  private readonly unread: {frame: DataFrame; bytes: number}[] = [];
  private readonly waiters: Pending<DataFrame>[] = [];
  private nextSeq = 0;
  private ended: Error | null = null;
  /** Bytes of frames that the user has not taken. */
  unreadBytes = 0;
  frames = 0;
  payloadBytes = 0;

  /** @param onTaken Gives so many bytes of credit back to the peer. */
  constructor(
    private readonly peerId: string,
    private readonly limits: {readonly epoch: number; readonly creditBytes: number},
    private readonly onTaken: (bytes: number) => void,
  ) {}

  /** Takes the next frame; see `Channel.receive`. */
  async receive(options: WaitOptions): Promise<DataFrame> {
    options.signal?.throwIfAborted();
    const next = this.unread.shift();
    if (next != null) {
      this.taken(next.bytes);
      return next.frame;
    }
    if (this.ended != null) {
      throw this.ended;
    }
    const waiter = pending<DataFrame>(
      options,
      () => `waiting for a frame of ${this.peerId}`,
      () => this.waiters.splice(this.waiters.indexOf(waiter), 1),
    );
    this.waiters.push(waiter);
    return waiter.promise;
  }

  /**
   * A frame arrived. One that was here before is dropped.
   *
   * @throws ProtocolError where a frame is missing, of another epoch or beyond the credit.
   */
  accept(frame: DataFrame, bytes: number): void {
    const {epoch, creditBytes} = this.limits;
    if (frame.epoch !== epoch) {
      throw new ProtocolError(
        `${this.peerId} sent a frame of epoch ${frame.epoch}, this is epoch ${epoch}.`,
      );
    }
    // Numbers wrap at 2^32; the difference as int32 tells earlier from later all the same.
    const ahead = (frame.seq - this.nextSeq) | 0;
    if (ahead > 0) {
      throw new ProtocolError(
        `${this.peerId} sent frame ${frame.seq} where ${this.nextSeq} was expected: ` +
          `${ahead} frames are missing.`,
      );
    }
    if (this.unreadBytes > 0 && this.unreadBytes + bytes > creditBytes) {
      throw new ProtocolError(
        `${this.peerId} sent ${bytes} bytes while ${this.unreadBytes} were not taken, ` +
          `beyond its credit of ${creditBytes}.`,
      );
    }
    this.unreadBytes += bytes;
    if (ahead < 0) {
      this.taken(bytes);
      return;
    }
    this.nextSeq = (this.nextSeq + 1) >>> 0;
    this.frames++;
    for (const tensor of frame.tensors) {
      this.payloadBytes += tensor.bytes.byteLength;
    }
    const waiter = this.waiters.shift();
    if (waiter == null) {
      this.unread.push({frame, bytes});
    } else {
      this.taken(bytes);
      waiter.resolve(frame);
    }
  }

  /** Nothing arrives any more: who waits, and who asks once all is read, gets `error`. */
  end(error: Error): void {
    this.ended = error;
    for (const waiter of this.waiters.splice(0)) {
      waiter.reject(error);
    }
  }

  private taken(bytes: number): void {
    this.unreadBytes -= bytes;
    this.onTaken(bytes);
  }
}
