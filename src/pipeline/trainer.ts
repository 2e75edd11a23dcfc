/** One stage's part in training: runs the schedule, talks to its neighbours, updates its weights. */
import * as tf from '@tensorflow/tfjs-core';
import {getFloatCodec, idsCodec, type FloatCodec, type IdsCodec} from '../codecs/index.js';
import {sumOfSquares} from '../optimizers/clipping.js';
import {
  beginCheckpoint,
  commitCheckpoint,
  readCheckpoint,
  writeShard,
  type CheckpointState,
  type SavableOptimizer,
  type ShardInfo,
} from './checkpoint.js';
import {pruneCheckpoints} from './checkpoint_folders.js';
import type {CheckpointFormat} from './checkpoint_format.js';
import {checkSchedule} from './check_schedule.js';
import {LegBill, type LegBytes, type StepMetrics} from './metrics.js';
import {Neighbour} from './neighbour.js';
import {PipelineError} from './pipeline_error.js';
import {makeSchedule, type Schedule} from './schedule.js';
import type {Stage} from './stage.js';
import {StageCompute, trainedProjector, variableOf, type SumLoss} from './stage_compute.js';
import {
  allFinite,
  checkedIds,
  packIds,
  packTensor,
  unpackTensor,
  unpackValues,
} from './tensor_frames.js';
import type {Channel} from './transport/index.js';
import {frameTensor, type FrameTensor, type JsonValue} from './wire/index.js';

/** A stage's part of the data of a step. The first stage needs `ids`, the last `targets`, the others nothing. */
export interface StepData {
  /** Row-major token ids. */
  ids?: ArrayLike<number>;
  /** The ids one position later. */
  targets?: ArrayLike<number>;
  /** `[batch, time]`; `batch` a multiple of the number of microbatches in a training step. */
  shape?: readonly [number, number];
}

/** What a trainer needs of an optimizer: those of `train`, and all of tfjs's own. */
export interface StageOptimizer extends Partial<SavableOptimizer> {
  /** @param options `globalNorm`: the norm over all stages, for clipping. */
  applyGradients(gradients: tf.NamedTensorMap, options?: {globalNorm?: number}): void;
}

/** What a trainer is made of. */
export interface StageTrainerArgs {
  stage: Stage;
  /** Updates the weights of this stage, the master of its outgoing projector among them. */
  optimizer: StageOptimizer;
  /** A name known to `makeSchedule` (default `1f1b`), or a schedule. The same on all stages. */
  schedule?: string | Schedule;
  /** Microbatches of a step, at least 1. The same on all stages. */
  microbatches: number;
  /** Codec of activations, gradients and projectors: `bfloat16` (default), `float32`, or one that was registered. */
  wire?: string;
  /** Number of token ids; others are refused. */
  vocabSize: number;
  /** Channel to the stage before; not at the first stage. The trainer reads it until `dispose`. */
  previous?: Channel;
  /** Channel to the stage after; not at the last stage. */
  next?: Channel;
  /** Keep only the inputs of a microbatch and run its forward again in the backward: less memory, same bits. */
  recompute?: boolean;
  /** Loss of the last stage, summed over tokens. Default: `sparseCrossEntropy`. */
  loss?: SumLoss;
  /** Number of the first step, when a run is resumed. Default 0. */
  step?: number;
  /** A step fails when a neighbour does not send what is due within this time. Default 300 000 ms. */
  timeoutMs?: number;
}

/** What `save` needs. */
export interface SaveArgs {
  /** Layout of the model's checkpoints, from `checkpointFormat(model)`. */
  format: CheckpointFormat;
  /** First stage: where the checkpoint goes, such as `checkpoints/step-000100`. */
  target?: string;
  /** First stage: what the run needs to go on besides weights: data position, RNG, hash of the configuration. */
  run?: JsonValue;
  /** First stage: how many checkpoints to keep in the folder around `target`. Default: all. */
  keep?: number;
}

const DEFAULT_TIMEOUT_MS = 300_000;
const PROTOCOL = 1;

/** Frames of an evaluation carry this in place of a step. */
const EVALUATION = 0xffffffff;

/**
 * Runs one stage.
 *
 * **A step.** Forwards and backwards run in the order of the schedule; activations (or `z`) and ids go to the next stage, gradients
 * come back. Gradients are summed over the microbatches in their order; the loss is the mean over all tokens of the step. Then a
 * `reduce` frame goes from the last stage to the first and gathers each stage's sum of squared gradients, the loss, and per boundary
 * the receiver's half of the projector's gradient (method section 4); a `commit` frame goes the other way with the total norm, after
 * which each stage updates its weights; last, each sender rounds its new projector to the wire's dtype, sends it, and both ends
 * use that copy.
 *
 * **Faults.** NaN or infinity in a loss, an activation or a gradient, wrong data, a peer that died or does not answer: the step
 * rejects with a `PipelineError`, on all stages with the same reason, before any weight was changed (unless it says otherwise).
 *
 * **Determinism.** Same weights and data, same bits: on one process or several, under every schedule, with or without
 * recomputation.
 */
export class StageTrainer {
  /** Bytes of the first exchange of projectors, which belongs to no step. */
  startBytes: {forward: LegBytes; backward: LegBytes} | null = null;
  /** Bytes of the last `save`. */
  saveBytes: {forward: LegBytes; backward: LegBytes} | null = null;

  readonly stage: Stage;
  readonly schedule: Schedule;
  readonly optimizer: StageOptimizer;
  private readonly compute: StageCompute;
  private readonly codec: FloatCodec;
  private readonly ids: IdsCodec;
  private readonly vocabSize: number;
  private readonly previous: Neighbour | null;
  private readonly next: Neighbour | null;
  private step_: number;
  private started = false;
  private busy = false;
  private updating = false;
  private microbatch: number | undefined;
  private failure: PipelineError | null = null;
  private lossSum = 0;
  private tokens = 0;

  constructor(args: StageTrainerArgs) {
    const {stage, optimizer, microbatches} = args;
    this.stage = stage;
    this.optimizer = optimizer;
    const size = {stages: stage.stages, microbatches};
    const {schedule = '1f1b'} = args;
    this.schedule = typeof schedule === 'string' ? makeSchedule(schedule, size) : schedule;
    if (this.schedule.stages !== size.stages || this.schedule.microbatches !== microbatches) {
      throw new Error(
        `StageTrainer: schedule '${this.schedule.name}' is for ${this.schedule.stages} stages and ` +
          `${this.schedule.microbatches} microbatches, expected ${size.stages} and ${microbatches}.`,
      );
    }
    checkSchedule(this.schedule);
    this.codec = getFloatCodec(args.wire ?? 'bfloat16');
    this.ids = idsCodec(args.vocabSize);
    this.vocabSize = args.vocabSize;
    this.step_ = args.step ?? 0;
    this.compute = new StageCompute(stage, args.recompute ?? false, args.loss);
    const timeoutMs = args.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const connect = (side: 'previous' | 'next', index: number, needed: boolean) => {
      const channel = args[side];
      if ((channel != null) !== needed) {
        throw new Error(
          `StageTrainer: stage ${stage.index} of ${stage.stages} ${needed ? 'needs' : 'has no use for'} ` +
            `a channel '${side}'.`,
        );
      }
      return channel == null
        ? null
        : new Neighbour(channel, `stage ${index}`, microbatches + 2, timeoutMs, (error) =>
            this.onFault(error, side),
          );
    };
    this.previous = connect('previous', stage.index - 1, !stage.isFirst);
    this.next = connect('next', stage.index + 1, !stage.isLast);
  }

  /** Number of the next step, counted from 0: how many were done. */
  get nextStep(): number {
    return this.step_;
  }

  /**
   * Runs one training step and updates the weights. All stages call it, with their part of the data.
   * @throws PipelineError, the same on all stages. The trainer is of no use then.
   */
  async step(data: StepData = {}): Promise<StepMetrics> {
    return this.exclusive(async () => {
      await this.start();
      const begin = performance.now();
      const {rows, time} = this.readData(data, this.schedule.microbatches);
      this.lossSum = 0;
      this.tokens = rows * this.schedule.microbatches * time;
      for (const {type, microbatch} of this.schedule.actions[this.stage.index]) {
        this.microbatch = microbatch;
        await (type === 'F'
          ? this.forward(microbatch, data, rows, time)
          : this.backward(microbatch));
      }
      this.microbatch = undefined;
      const {loss, norm, tokens} = await this.finish();
      const peaks = this.compute.takePeaks();
      return {
        step: this.step_++,
        stage: this.stage.index,
        loss,
        gradNorm: norm,
        tokens,
        seconds: (performance.now() - begin) / 1000,
        waitSeconds: (this.previous?.takeWaited() ?? 0) + (this.next?.takeWaited() ?? 0),
        forward: this.bill(this.next),
        backward: this.bill(this.previous),
        peakInFlight: peaks.inFlight,
        peakHeldBytes: peaks.heldBytes,
        peakBytes: peaks.bytes,
        numTensors: tf.memory().numTensors,
      };
    });
  }

  /**
   * Mean loss over all tokens of some batches, forward only. All stages call it; the first and the last with the same
   * batches (each crosses as it is, not in microbatches), the others need not give any.
   * @throws PipelineError, the same on all stages.
   */
  async evaluate(batches: readonly StepData[] = []): Promise<number> {
    return this.exclusive(async () => {
      await this.start();
      const {isFirst, isLast} = this.stage;
      if ((isFirst || isLast) && batches.length === 0) {
        throw new Error('evaluate(batches) got no batches');
      }
      let sum = 0;
      let tokens = 0;
      for (let i = 0, more = true; more; i++) {
        this.microbatch = i;
        const data = batches[i] ?? {};
        const {rows, time} = this.readData(data, 1);
        const received = await this.receive('activation', EVALUATION, i, this.previous);
        const message = received?.message as {more?: boolean} | undefined;
        more = message?.more ?? i + 1 < batches.length;
        if ((isFirst || isLast) && more !== i + 1 < batches.length) {
          throw new Error(
            `evaluate(batches) got ${batches.length} batches, the first stage another number`,
          );
        }
        const ids = this.idsToSend(data, 0, rows, time, received?.tensors);
        const inputs = this.inputs(data, 0, rows, time, received?.tensors);
        if (isLast) {
          sum += await this.read(this.compute.evaluate(inputs, this.targets(data, 0, rows, time)));
          tokens += rows * time;
        } else {
          const output = this.compute.evaluate(inputs);
          await this.sendActivation(EVALUATION, i, output, ids, {more});
        }
      }
      this.microbatch = undefined;
      const result = await this.receive('reduce', EVALUATION, -1, this.next);
      const loss = result == null ? sum / tokens : (result.message as {loss: number}).loss;
      await this.previous?.send({
        type: 'reduce',
        step: EVALUATION,
        stage: this.stage.index,
        message: {loss},
      });
      await this.flush();
      this.bill(this.next);
      this.bill(this.previous);
      return loss;
    });
  }

  /**
   * Writes a checkpoint of all stages (Node only). All stages call it, between steps; the first says where, completes the checkpoint
   * once every stage has written its part, and removes old ones. All must share a file system.
   *
   * @param target First stage: where the checkpoint will be; its name should be `checkpointName(nextStep)`.
   * @returns The checkpoint's folder.
   * @throws PipelineError, the same on all stages; older checkpoints stay.
   */
  async save({format, target, run, keep}: SaveArgs): Promise<string> {
    return this.exclusive(async () => {
      const {stage, step_: step} = this;
      const {index} = stage;
      const control = (message: JsonValue) =>
        ({type: 'control', step, stage: index, message}) as const;
      const begun = await this.receive('control', step, -1, this.previous);
      if (begun == null && target == null) {
        throw new Error(
          'save({target}) is missing: the first stage says where the checkpoint goes',
        );
      }
      const folder =
        begun == null ? await beginCheckpoint(target!) : (begun.message as {folder: string}).folder;
      await this.next?.send(control({folder}));
      const own = await writeShard(folder, stage, format, this.optimizer);
      const below = await this.receive('control', step, -1, this.next);
      const shards = [
        own,
        ...((below?.message as unknown as {shards?: ShardInfo[]})?.shards ?? []),
      ];
      await this.previous?.send(control({shards: shards as unknown as JsonValue}));
      let place = target!;
      if (this.previous == null) {
        await commitCheckpoint(folder, place, format, shards, {step, run});
        if (keep != null) {
          await pruneCheckpoints((await import('node:path')).dirname(place), keep);
        }
      } else {
        const done = await this.receive('control', step, -1, this.previous);
        place = (done!.message as {place: string}).place;
      }
      await this.next?.send(control({place}));
      await this.flush();
      this.saveBytes = {forward: this.bill(this.next), backward: this.bill(this.previous)};
      return place;
    });
  }

  /**
   * Loads this stage's weights and optimizer state from a checkpoint and goes on from its step. All stages call it, between
   * steps; at the next step both ends of each boundary exchange the projector anew.
   */
  async load(folder: string, format: CheckpointFormat): Promise<CheckpointState> {
    return this.exclusive(async () => {
      this.updating = true;
      const state = await readCheckpoint(folder, this.stage, format, this.optimizer);
      this.updating = false;
      this.restart(state.step);
      return state;
    });
  }

  /**
   * Goes on from another step: after weights were changed from outside. All stages must do so; the projectors are exchanged
   * anew.
   */
  restart(step: number): void {
    this.step_ = step;
    this.started = false;
  }

  /** Frees what is in flight and stops reading the channels, which stay open. Weights and optimizer stay. */
  dispose(): void {
    const error = new Error('the trainer was disposed');
    this.previous?.stop(error);
    this.next?.stop(error);
    this.compute.reset();
    this.failure ??= this.asFault(error);
  }

  /** First exchange: both ends compare what they are, and take the same rounded projector. */
  private async start(): Promise<void> {
    if (this.started) {
      return;
    }
    const {encoder, decoder, index} = this.stage;
    const own = this.settings();
    if (this.next != null) {
      const tensors = encoder == null ? [] : [await this.roundProjector()];
      const message = {...own, ...this.cutSettings('output')};
      await this.next.send({type: 'control', step: this.step_, stage: index, tensors, message});
    }
    const frame = await this.receive('control', this.step_, -1, this.previous);
    if (frame != null) {
      const expected: {[key: string]: JsonValue} = {...own, ...this.cutSettings('input')};
      const got = frame.message as {[key: string]: JsonValue};
      for (const key of Object.keys(expected)) {
        if (got[key] !== expected[key]) {
          throw new Error(
            `stages ${index - 1} and ${index} differ in '${key}': ` +
              `${JSON.stringify(got[key])} and ${JSON.stringify(expected[key])}`,
          );
        }
      }
      decoder?.setWireProjector(unpackValues(frameTensor(frame, 'projector')));
    }
    await this.flush();
    this.started = true;
    this.startBytes = {forward: this.bill(this.next), backward: this.bill(this.previous)};
  }

  private settings(): {[key: string]: JsonValue} {
    const {name, stages, microbatches} = this.schedule;
    const {codec, vocabSize, step_: step} = this;
    return {
      protocol: PROTOCOL,
      stages,
      schedule: name,
      microbatches,
      wire: codec.name,
      vocabSize,
      step,
    };
  }

  /** What both sides of a cut must agree on. */
  private cutSettings(side: 'input' | 'output'): {[key: string]: JsonValue} {
    const {model, encoder, decoder, begins, ends} = this.stage;
    const half = side === 'output' ? encoder : decoder;
    const tensor = side === 'output' ? model.outputs[0] : model.inputs[0];
    return {
      cut: side === 'output' ? ends : begins,
      width: tensor.shape[tensor.shape.length - 1],
      trainsProjector: trainedProjector(half) != null,
    };
  }

  private async forward(
    microbatch: number,
    data: StepData,
    rows: number,
    time: number,
  ): Promise<void> {
    const received = await this.receive('activation', this.step_, microbatch, this.previous);
    const ids = this.idsToSend(data, microbatch, rows, time, received?.tensors);
    const inputs = this.inputs(data, microbatch, rows, time, received?.tensors);
    if (this.stage.isLast) {
      const targets = this.targets(data, microbatch, rows, time);
      this.lossSum += await this.read(
        this.compute.forward(microbatch, inputs, targets, this.tokens),
      );
      return;
    }
    const output = this.compute.forward(microbatch, inputs);
    await this.sendActivation(this.step_, microbatch, output, ids);
  }

  private async backward(microbatch: number): Promise<void> {
    const received = await this.receive('gradient', this.step_, microbatch, this.next);
    const dy = received == null ? tf.scalar(1) : unpackTensor(frameTensor(received, 'gradient'));
    const dx = this.compute.backward(microbatch, dy, this.previous != null);
    if (dx != null) {
      const tensor = await packTensor(this.codec, 'gradient', dx, 'the gradient of its input');
      await this.previous!.send({
        type: 'gradient',
        step: this.step_,
        microbatch,
        stage: this.stage.index,
        tensors: [tensor],
      });
    }
  }

  /** Reduce, commit, update, new projectors. */
  private async finish(): Promise<{loss: number; norm: number; tokens: number}> {
    const {stage, step_: step} = this;
    const {index} = stage;
    const gradients = this.compute.takeGradients();
    try {
      const reduced = await this.receive('reduce', step, -1, this.next);
      const below = (reduced?.message ?? {
        squares: [],
        loss: this.lossSum,
        tokens: this.tokens,
      }) as {squares: number[]; loss: number; tokens: number};
      const half = await this.projectorGradients(gradients, reduced?.tensors ?? []);
      const squares = [await this.squares(gradients), ...below.squares];
      const {loss, tokens} = below;
      await this.previous?.send({
        type: 'reduce',
        step,
        stage: index,
        tensors: half == null ? [] : [half],
        message: {squares, loss, tokens},
      });
      const committed = await this.receive('commit', step, -1, this.previous);
      const norm =
        committed == null
          ? Math.sqrt(squares.reduce((sum, value) => sum + value, 0))
          : (committed.message as {norm: number}).norm;
      this.updating = true;
      await this.next?.send({type: 'commit', step, stage: index, message: {norm}});
      this.optimizer.applyGradients(gradients, {globalNorm: norm});
      await this.exchangeProjectors();
      await this.flush();
      this.updating = false;
      return {loss, norm, tokens};
    } finally {
      tf.dispose(gradients);
    }
  }

  /**
   * Replaces the gradients of the wire copies: the sender's half and the received one become the master's gradient, the
   * receiver's half is packed to be sent.
   */
  private async projectorGradients(
    gradients: tf.NamedTensorMap,
    received: readonly FrameTensor[],
  ): Promise<FrameTensor | null> {
    const encoder = trainedProjector(this.stage.encoder);
    if (encoder != null) {
      const half = received.find(({name}) => name === 'projector_gradient');
      if (half == null) {
        throw new Error(`stage ${this.stage.index + 1} sent no half of the projector's gradient`);
      }
      const wire = variableOf(encoder.wireProjector).name;
      const {name} = variableOf(encoder.boundary.projector);
      gradients[name] = tf.tidy(() => tf.add(gradients[wire], unpackTensor(half)));
      gradients[wire].dispose();
      delete gradients[wire];
    }
    const decoder = trainedProjector(this.stage.decoder);
    if (decoder == null) {
      return null;
    }
    const wire = variableOf(decoder.wireProjector).name;
    const own = gradients[wire];
    delete gradients[wire];
    return packTensor(this.codec, 'projector_gradient', own, "the projector's gradient");
  }

  /** Sum of squares of this stage's gradients. Throws, naming a weight, if it is not finite. */
  private async squares(gradients: tf.NamedTensorMap): Promise<number> {
    const sum = await sumOfSquares(gradients);
    if (Number.isFinite(sum)) {
      return sum;
    }
    for (const [name, gradient] of Object.entries(gradients)) {
      if (!allFinite((await gradient.data()) as Float32Array)) {
        throw new Error(`the gradient of '${name}' has NaN or infinity`);
      }
    }
    throw new Error(`the sum of squares of the gradients is ${sum}`);
  }

  private async exchangeProjectors(): Promise<void> {
    const {stage, step_: step} = this;
    if (trainedProjector(stage.encoder) != null) {
      const tensors = [await this.roundProjector()];
      await this.next!.send({type: 'control', step, stage: stage.index, tensors});
    }
    const decoder = trainedProjector(stage.decoder);
    if (decoder != null) {
      const frame = await this.receive('control', step, -1, this.previous);
      decoder.setWireProjector(unpackValues(frameTensor(frame!, 'projector')));
    }
  }

  /** Packs the master of the outgoing projector, and makes this end use what the other will unpack. */
  private async roundProjector(): Promise<FrameTensor> {
    const encoder = this.stage.encoder!;
    const master = encoder.boundary.projector.read().clone();
    const packed = await packTensor(this.codec, 'projector', master, 'the projector');
    encoder.setWireProjector(unpackValues(packed));
    return packed;
  }

  private inputs(
    data: StepData,
    part: number,
    rows: number,
    time: number,
    received: readonly FrameTensor[] | undefined,
  ): tf.Tensor[] {
    if (received == null) {
      return [this.slice(data.ids!, part, rows, time)];
    }
    const names = this.stage.takesIds ? ['activation', 'ids'] : ['activation'];
    return names.map((name) => {
      const tensor = received.find((t) => t.name === name);
      if (tensor == null) {
        throw new Error(`stage ${this.stage.index - 1} sent no ${name}`);
      }
      return unpackTensor(tensor);
    });
  }

  private targets(data: StepData, part: number, rows: number, time: number): tf.Tensor {
    return this.slice(data.targets!, part, rows, time);
  }

  private idsToSend(
    data: StepData,
    part: number,
    rows: number,
    time: number,
    received: readonly FrameTensor[] | undefined,
  ): FrameTensor[] {
    if (!this.stage.sendsIds) {
      return [];
    }
    if (received != null) {
      return received.filter(({name}) => name === 'ids');
    }
    return [packIds(this.ids, slice(data.ids!, part * rows * time, rows * time), [rows, time])];
  }

  private slice(ids: ArrayLike<number>, part: number, rows: number, time: number): tf.Tensor {
    return tf.tensor2d(slice(ids, part * rows * time, rows * time), [rows, time], 'int32');
  }

  private async sendActivation(
    step: number,
    microbatch: number,
    output: tf.Tensor,
    ids: FrameTensor[],
    message?: JsonValue,
  ): Promise<void> {
    const tensor = await packTensor(this.codec, 'activation', output, 'its output');
    await this.next!.send({
      type: 'activation',
      step,
      microbatch,
      stage: this.stage.index,
      tensors: [tensor, ...ids],
      message,
    });
  }

  /** A loss as a number; frees the tensor. */
  private async read(loss: tf.Tensor): Promise<number> {
    const [value] = await loss.data();
    loss.dispose();
    if (!Number.isFinite(value)) {
      throw new Error(`the loss is ${value}`);
    }
    return value;
  }

  /** Checks the part of the data that this stage reads; rows of a microbatch and time, or zeros where it reads none. */
  private readData(data: StepData, parts: number): {rows: number; time: number} {
    const {isFirst, isLast} = this.stage;
    const names = [...(isFirst ? ['ids' as const] : []), ...(isLast ? ['targets' as const] : [])];
    for (const name of names) {
      checkedIds(name, data[name], data.shape, this.vocabSize);
    }
    if (names.length === 0) {
      return {rows: 0, time: 0};
    }
    const [batch, time] = data.shape!;
    if (batch % parts !== 0) {
      throw new Error(
        `a batch of ${batch} sequences cannot be divided into ${parts} microbatches of equal size; ` +
          `use a multiple of ${parts}`,
      );
    }
    return {rows: batch / parts, time};
  }

  private async receive(
    type: 'activation' | 'gradient' | 'reduce' | 'commit' | 'control',
    step: number,
    microbatch: number,
    from: Neighbour | null,
  ) {
    if (this.failure != null) {
      throw this.failure;
    }
    return from == null ? null : from.take({type, step, microbatch});
  }

  private async flush(): Promise<void> {
    await this.previous?.flush();
    await this.next?.flush();
  }

  private bill(neighbour: Neighbour | null): LegBytes {
    return neighbour?.closeBill() ?? new LegBill(null).close();
  }

  private async exclusive<T>(run: () => Promise<T>): Promise<T> {
    if (this.failure != null) {
      throw this.failure;
    }
    if (this.busy) {
      throw new Error('StageTrainer: step() or evaluate() is still running; await it first.');
    }
    this.busy = true;
    try {
      return await run();
    } catch (error) {
      const failure = await this.stop(error as Error, null);
      this.compute.reset();
      throw failure;
    } finally {
      this.busy = false;
    }
  }

  /** A neighbour stopped or was lost, noticed whatever this stage does. */
  private onFault(error: Error, side: 'previous' | 'next'): void {
    const other = this.stage.index + (side === 'next' ? 1 : -1);
    const told = error instanceof PipelineError;
    const fault = told
      ? error
      : new Error(`stage ${other} was lost: ${error.message}`, {cause: error});
    void this.stop(fault, told ? side : null);
  }

  /** Remembers the first fault, tells the neighbours, wakes whoever waits, and frees what is in flight. */
  private async stop(error: Error, toldBy: 'previous' | 'next' | null): Promise<PipelineError> {
    if (this.failure != null) {
      return this.failure;
    }
    const failure = this.asFault(error);
    this.failure = failure;
    this.previous?.stop(failure);
    this.next?.stop(failure);
    if (!this.busy) {
      this.compute.reset();
    }
    await Promise.all([
      toldBy === 'previous' ? null : this.previous?.abort(failure),
      toldBy === 'next' ? null : this.next?.abort(failure),
    ]);
    return failure;
  }

  private asFault(error: Error): PipelineError {
    if (error instanceof PipelineError) {
      return error;
    }
    return new PipelineError(
      {
        reason: error.message.replace(/\.$/, ''),
        step: this.step_,
        stage: this.stage.index,
        ...(this.microbatch == null ? {} : {microbatch: this.microbatch}),
        updating: this.updating,
      },
      {cause: error},
    );
  }
}

function slice(values: ArrayLike<number>, start: number, length: number): Int32Array {
  return Int32Array.from({length}, (_, i) => values[start + i]);
}
