/** What arrives from one neighbour, checked against what the schedule says comes next. */
import {Timeout, ChannelClosed, type Channel} from './transport/index.js';
import {PipelineError} from './pipeline_error.js';
import type {DataFrame, DataFrameType} from './wire/index.js';

/** The frame that must come next. */
export interface Expected {
  type: DataFrameType;
  step: number;
  /** −1 where none is meant. */
  microbatch: number;
}

/** Frames of an evaluation carry this in place of a step. */
export const EVALUATION = 0xffffffff;

/** A timer may go off right after a long computation, before what has arrived was read from the socket. */
const GRACE_MS = 100;

/**
 * Reads a channel all the time, so that a neighbour's abort or death is noticed whatever the stage waits for, and hands out
 * the frames in order.
 */
export class Inbox {
  private readonly frames: DataFrame[] = [];
  private readonly stopped = new AbortController();
  private ended: Error | null = null;
  private wake: () => void = () => {};
  private room: () => void = () => {};

  /**
   * @param who The neighbour, for messages: `stage 2`.
   * @param limit Frames kept at most; further ones stay with the channel, whose credit slows down the sender.
   * @param onFault Called at once with a neighbour's abort, or the error that ended the channel.
   */
  constructor(
    private readonly channel: Channel,
    private readonly who: string,
    private readonly limit: number,
    private readonly onFault: (error: Error) => void,
  ) {
    void this.pump();
  }

  /**
   * The next frame.
   * @throws Error when it is not the expected one; Timeout; what ended the channel; the reason of `stop`.
   */
  async take(expected: Expected, timeoutMs: number): Promise<DataFrame> {
    const frame = await this.next(expected, timeoutMs);
    const {type, step, microbatch} = frame;
    if (type !== expected.type || step !== expected.step || microbatch !== expected.microbatch) {
      throw new Error(
        `${this.who} sent ${describe(frame)} where ${describe(expected)} was expected; ` +
          `do all stages run the same schedule, from the same step`,
      );
    }
    return frame;
  }

  /** Makes whoever waits throw `error`, and reads no more. */
  stop(error: Error): void {
    this.ended = error;
    this.frames.length = 0;
    this.stopped.abort(error);
    this.wake();
    this.room();
  }

  private async next(expected: Expected, timeoutMs: number): Promise<DataFrame> {
    let late = false;
    let grace: ReturnType<typeof setTimeout> | undefined;
    const timer = setTimeout(() => {
      grace = setTimeout(() => {
        late = true;
        this.wake();
      }, GRACE_MS);
    }, timeoutMs);
    try {
      for (;;) {
        const frame = this.frames.shift();
        if (frame != null) {
          this.room();
          return frame;
        }
        if (this.ended != null) {
          throw this.ended;
        }
        if (late) {
          throw new Timeout(
            `nothing came from ${this.who} for ${timeoutMs} ms while waiting for ${describe(expected)} (timeoutMs)`,
          );
        }
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      clearTimeout(timer);
      clearTimeout(grace);
    }
  }

  private async pump(): Promise<void> {
    const {signal} = this.stopped;
    try {
      for (;;) {
        const frame = await this.channel.receive({signal});
        if (frame.type === 'abort') {
          this.ended = PipelineError.fromMessage(frame.message);
          this.onFault(this.ended);
          return;
        }
        this.frames.push(frame);
        this.wake();
        while (this.frames.length >= this.limit && !signal.aborted) {
          await new Promise<void>((resolve) => (this.room = resolve));
        }
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.ended = error as Error;
      // A close in good order matters only to who still waits for something; a death matters at once.
      if (error instanceof ChannelClosed) {
        this.wake();
      } else {
        this.onFault(this.ended);
      }
    }
  }
}

function describe({type, step, microbatch}: Expected): string {
  const of = microbatch < 0 ? '' : ` of microbatch ${microbatch}`;
  // Control frames belong to no step: settings, checkpoints, projectors.
  const when =
    step === EVALUATION
      ? 'of an evaluation'
      : type === 'control'
        ? `frame after ${step} steps`
        : `of step ${step + 1}`;
  return `the ${type}${of} ${when}`;
}
