/** A stage's lines to both neighbours, and how all stages stop when one fails. */
import {LegBill, type LegBytes} from './metrics.js';
import {Neighbour} from './neighbour.js';
import {PipelineError} from './pipeline_error.js';
import type {Stage} from './stage.js';
import type {Channel} from './transport/index.js';
import type {DataFrame, DataFrameType, JsonValue, OutgoingFrame} from './wire/index.js';
import type {FrameTensor} from './wire/index.js';

/** Which neighbour. */
export type Side = 'previous' | 'next';

/** What a stage sends; the lines add who sends it. */
export interface StageFrame {
  type: DataFrameType;
  step: number;
  microbatch?: number;
  tensors?: readonly FrameTensor[];
  message?: JsonValue;
}

/** What the lines are made of. */
export interface LinesArgs {
  stage: Stage;
  channels: {previous?: Channel; next?: Channel};
  /** Frames received ahead of use. */
  limit: number;
  timeoutMs: number;
  /** Frees what a piece of work that will not be finished has left. */
  reset: () => void;
}

/**
 * Sends to and takes from the neighbours a stage has; without a neighbour on a side both do nothing. Runs one piece of work at a
 * time. The first fault, wherever it was found, ends all work on all stages: neighbours are told, and tell theirs.
 */
export class Lines {
  /** Where the work stands: steps that were done, and what a fault would say besides. */
  readonly at: {step: number; microbatch: number | undefined; updating: boolean};
  private readonly sides: {previous: Neighbour | null; next: Neighbour | null};
  private readonly index: number;
  private readonly reset: () => void;
  private failure: PipelineError | null = null;
  private busy = false;
  private training = false;

  constructor({stage, channels, limit, timeoutMs, reset}: LinesArgs, step: number) {
    this.index = stage.index;
    this.reset = reset;
    this.at = {step, microbatch: undefined, updating: false};
    const connect = (side: Side, needed: boolean) => {
      const channel = channels[side];
      if ((channel != null) !== needed) {
        throw new Error(
          `StageTrainer: stage ${stage.index} of ${stage.stages} ` +
            `${needed ? 'needs' : 'has no use for'} a channel '${side}'.`,
        );
      }
      const who = `stage ${this.neighbour(side)}`;
      const onFault = (error: Error) => this.onFault(error, side);
      return channel == null ? null : new Neighbour(channel, who, limit, timeoutMs, onFault);
    };
    this.sides = {
      previous: connect('previous', !stage.isFirst),
      next: connect('next', !stage.isLast),
    };
  }

  /**
   * Runs a piece of work that all stages run.
   *
   * @param training Whether it is a training step, so that a fault names the step after those that were done.
   * @throws PipelineError whatever went wrong, after the neighbours were told; Error when other work is still running.
   */
  async run<T>(work: () => Promise<T>, training = false): Promise<T> {
    if (this.failure != null) {
      throw this.failure;
    }
    if (this.busy) {
      throw new Error(
        'StageTrainer: the last step() or evaluate() is still running; await it first.',
      );
    }
    this.busy = true;
    this.training = training;
    try {
      return await work();
    } catch (error) {
      const failure = await this.stop(error as Error, null);
      this.reset();
      throw failure;
    } finally {
      this.busy = false;
      this.training = false;
    }
  }

  /** Sends a frame, or does nothing where there is no such neighbour. */
  async send(side: Side, frame: StageFrame): Promise<void> {
    const whole: OutgoingFrame<DataFrameType> = {...frame, stage: this.index};
    await this.sides[side]?.send(whole);
  }

  /** Takes the frame that must come next from a neighbour; null where there is none. */
  async take(
    side: Side,
    type: DataFrameType,
    step: number,
    microbatch = -1,
  ): Promise<DataFrame | null> {
    if (this.failure != null) {
      throw this.failure;
    }
    return (await this.sides[side]?.take({type, step, microbatch})) ?? null;
  }

  /** Waits until everything has left. */
  async flush(): Promise<void> {
    await this.sides.previous?.flush();
    await this.sides.next?.flush();
  }

  /** What was sent since the last bills. */
  bills(): {forward: LegBytes; backward: LegBytes} {
    const close = (side: Side) => this.sides[side]?.closeBill() ?? new LegBill(null).close();
    return {forward: close('next'), backward: close('previous')};
  }

  /** Seconds spent waiting since the last call. */
  takeWaited(): number {
    return (this.sides.previous?.takeWaited() ?? 0) + (this.sides.next?.takeWaited() ?? 0);
  }

  /** Stops reading the channels, which stay open, and tells nobody. */
  dispose(): void {
    const error = new Error('the trainer was disposed');
    this.sides.previous?.stop(error);
    this.sides.next?.stop(error);
    this.failure ??= this.asFault(error);
    this.reset();
  }

  /** A neighbour stopped or was lost, noticed whatever this stage does. */
  private onFault(error: Error, side: Side): void {
    const told = error instanceof PipelineError;
    const lost = `stage ${this.neighbour(side)} was lost: ${error.message}`;
    void this.stop(told ? error : new Error(lost, {cause: error}), told ? side : null);
  }

  /** Remembers the first fault, wakes whoever waits, tells the neighbours. */
  private async stop(error: Error, toldBy: Side | null): Promise<PipelineError> {
    if (this.failure != null) {
      return this.failure;
    }
    const failure = this.asFault(error);
    this.failure = failure;
    const {previous, next} = this.sides;
    previous?.stop(failure);
    next?.stop(failure);
    if (!this.busy) {
      // Otherwise the work ends first: it may hold tensors that it is about to use.
      this.reset();
    }
    await Promise.all([
      toldBy === 'previous' ? null : previous?.abort(failure),
      toldBy === 'next' ? null : next?.abort(failure),
    ]);
    return failure;
  }

  private asFault(error: Error): PipelineError {
    if (error instanceof PipelineError) {
      return error;
    }
    const {microbatch, updating} = this.at;
    const step = this.at.step + (this.training ? 1 : 0);
    const where = microbatch == null ? {} : {microbatch};
    const reason = error.message.replace(/\.$/, '');
    const fault = {reason, step, stage: this.index, ...where, updating};
    return new PipelineError(fault, {cause: error});
  }

  private neighbour(side: Side): number {
    return this.index + (side === 'next' ? 1 : -1);
  }
}
