/** A stage's line to the previous or the next stage. */
import {Inbox, type Expected} from './inbox.js';
import {LegBill, type LegBytes} from './metrics.js';
import type {PipelineError} from './pipeline_error.js';
import type {Channel} from './transport/index.js';
import type {DataFrame, DataFrameType, OutgoingFrame} from './wire/index.js';

/** How long to try to tell a neighbour why we stop. */
const ABORT_TIMEOUT_MS = 2000;

/** Sends and takes frames, bills what is sent, and keeps at most one frame waiting to be sent. */
export class Neighbour {
  private readonly inbox: Inbox;
  private readonly bill: LegBill;
  private sending: Promise<void> = Promise.resolve();
  private waited = 0;

  /**
   * @param limit Frames received ahead of use.
   * @param onFault Called with the neighbour's abort or what ended the channel, as soon as it is known.
   */
  constructor(
    private readonly channel: Channel,
    who: string,
    limit: number,
    private readonly timeoutMs: number,
    private readonly onFault: (error: Error) => void,
  ) {
    this.bill = new LegBill(channel);
    this.inbox = new Inbox(channel, who, limit, onFault);
  }

  /** Hands a frame to the channel; waits only while the one before has not left, so that computing goes on. */
  async send(frame: OutgoingFrame<DataFrameType>): Promise<void> {
    await this.timed(this.sending);
    this.bill.add(frame);
    this.sending = this.channel.send(frame, {timeoutMs: this.timeoutMs});
    // Known to the next `send` or `flush`, and at once to the trainer.
    this.sending.catch(this.onFault);
  }

  /** Waits until everything has left. */
  async flush(): Promise<void> {
    await this.timed(this.sending);
  }

  /** The next frame, which must be the expected one. */
  async take(expected: Expected): Promise<DataFrame> {
    return this.timed(this.inbox.take(expected, this.timeoutMs));
  }

  /** Tells the neighbour why this end stops, as far as it listens. */
  async abort(error: PipelineError): Promise<void> {
    const {step, stage, microbatch} = error;
    const frame = {type: 'abort' as const, step, stage, microbatch, message: error.toMessage()};
    await this.channel.send(frame, {timeoutMs: ABORT_TIMEOUT_MS}).catch(() => undefined);
  }

  /** Lets whoever waits throw, and reads no more. The channel stays open. */
  stop(error: Error): void {
    this.inbox.stop(error);
  }

  /** What was sent since the last call. */
  closeBill(): LegBytes {
    return this.bill.close();
  }

  /** Seconds spent waiting since the last call. */
  takeWaited(): number {
    const seconds = this.waited / 1000;
    this.waited = 0;
    return seconds;
  }

  private async timed<T>(promise: Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await promise;
    } finally {
      this.waited += performance.now() - start;
    }
  }
}
