/** One stage's part in training: runs the schedule, talks to its neighbours, updates its weights. */
import * as tf from '@tensorflow/tfjs-core';
import {getFloatCodec, type FloatCodec} from '../codecs/index.js';
import {sumOfSquares} from '../optimizers/clipping.js';
import {readCheckpoint, type CheckpointState} from './read_checkpoint.js';
import type {CheckpointFormat} from './checkpoint_format.js';
import {checkSchedule} from './check_schedule.js';
import {shakeHands} from './handshake.js';
import {Lines} from './lines.js';
import type {LegBytes, StepMetrics} from './metrics.js';
import {ProjectorSync} from './projector_sync.js';
import {saveTogether} from './save_together.js';
import {makeSchedule, type Schedule} from './schedule.js';
import type {Stage} from './stage.js';
import {StageCompute} from './stage_compute.js';
import {StepTensors, type Parts} from './step_tensors.js';
import {allFinite, packTensor, unpackTensor} from './tensor_frames.js';
import type {SaveArgs, StageOptimizer, StageTrainerArgs, StepData} from './trainer_args.js';
import {frameTensor, type FrameTensor, type JsonValue} from './wire/index.js';

export type {SaveArgs, StageOptimizer, StageTrainerArgs, StepData};

const DEFAULT_TIMEOUT_MS = 300_000;

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
  /** Bytes of the last exchange of settings and projectors before a first step, which belongs to no step. */
  startBytes: {forward: LegBytes; backward: LegBytes} | null = null;
  /** Bytes of the last `save`. */
  saveBytes: {forward: LegBytes; backward: LegBytes} | null = null;

  readonly stage: Stage;
  readonly schedule: Schedule;
  readonly optimizer: StageOptimizer;
  private readonly compute: StageCompute;
  private readonly tensors: StepTensors;
  private readonly projectors: ProjectorSync;
  private readonly lines: Lines;
  private readonly codec: FloatCodec;
  private readonly vocabSize: number;
  private started = false;
  private lossSum = 0;
  private tokens = 0;

  constructor(args: StageTrainerArgs) {
    const {stage, optimizer, microbatches, vocabSize, previous, next} = args;
    if (stage.modelInputs.length !== 1) {
      const names = stage.modelInputs.map((name) => `'${name}'`).join(', ');
      throw new Error(
        `StageTrainer: the model has ${stage.modelInputs.length} inputs (${names}), expected one, the token ids: ` +
          `compute the others from the ids inside the model.`,
      );
    }
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
    this.vocabSize = vocabSize;
    this.tensors = new StepTensors(stage, vocabSize);
    this.compute = new StageCompute(stage, args.recompute ?? false, args.loss);
    this.projectors = new ProjectorSync(stage, this.codec);
    const lines = {
      stage,
      channels: {previous, next},
      limit: microbatches + 2,
      timeoutMs: args.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      reset: () => this.compute.reset(),
    };
    this.lines = new Lines(lines, args.step ?? 0);
  }

  /** Number of the next step, counted from 0: how many were done. */
  get nextStep(): number {
    return this.lines.at.step;
  }

  /**
   * Runs one training step and updates the weights. All stages call it, with their part of the data.
   * @throws PipelineError, the same on all stages. The trainer is of no use then.
   */
  async step(data: StepData = {}): Promise<StepMetrics> {
    return this.lines.run(async () => {
      await this.start();
      const {at} = this.lines;
      const begin = performance.now();
      const {microbatches} = this.schedule;
      const parts = this.tensors.divide(data, microbatches);
      this.lossSum = 0;
      this.tokens = parts.rows * microbatches * parts.time;
      for (const {type, microbatch} of this.schedule.actions[this.stage.index]) {
        at.microbatch = microbatch;
        await (type === 'F' ? this.forward(microbatch, parts) : this.backward(microbatch));
      }
      at.microbatch = undefined;
      const {loss, norm, tokens} = await this.finish();
      const peaks = this.compute.takePeaks();
      return {
        step: at.step++,
        stage: this.stage.index,
        loss,
        gradNorm: norm,
        tokens,
        seconds: (performance.now() - begin) / 1000,
        waitSeconds: this.lines.takeWaited(),
        ...this.lines.bills(),
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
    return this.lines.run(async () => {
      await this.start();
      const {isFirst, isLast} = this.stage;
      if ((isFirst || isLast) && batches.length === 0) {
        throw new Error('evaluate(batches) got no batches');
      }
      let sum = 0;
      let tokens = 0;
      for (let i = 0, more = true; more; i++) {
        this.lines.at.microbatch = i;
        const parts = this.tensors.divide(batches[i] ?? {}, 1);
        const received = await this.lines.take('previous', 'activation', EVALUATION, i);
        const message = received?.message as {more?: boolean} | undefined;
        more = message?.more ?? i + 1 < batches.length;
        if ((isFirst || isLast) && more !== i + 1 < batches.length) {
          throw new Error(
            `evaluate(batches) got ${batches.length} batches, the first stage another number`,
          );
        }
        const ids = this.tensors.idsToSend(parts, 0, received);
        const inputs = this.tensors.inputs(parts, 0, received);
        if (isLast) {
          const targets = this.tensors.targets(parts, 0);
          sum += await readLoss(this.compute.evaluate(inputs, targets));
          tokens += parts.rows * parts.time;
        } else {
          await this.sendActivation(EVALUATION, i, this.compute.evaluate(inputs), ids, {more});
        }
      }
      this.lines.at.microbatch = undefined;
      const result = await this.lines.take('next', 'reduce', EVALUATION);
      const loss = result == null ? sum / tokens : (result.message as {loss: number}).loss;
      await this.lines.send('previous', {type: 'reduce', step: EVALUATION, message: {loss}});
      await this.lines.flush();
      // Evaluations are in no step's bill.
      this.lines.bills();
      this.lines.takeWaited();
      return loss;
    });
  }

  /**
   * Writes a checkpoint of all stages (Node only). All stages call it, between steps; the first says where, completes the checkpoint
   * once every stage has written its part, and removes old ones. All must share a file system.
   *
   * @returns The checkpoint's folder.
   * @throws PipelineError, the same on all stages; older checkpoints stay.
   */
  async save(args: SaveArgs): Promise<string> {
    return this.lines.run(async () => {
      const place = await saveTogether(this.lines, this.stage, this.optimizer, args);
      this.saveBytes = this.lines.bills();
      this.lines.takeWaited();
      return place;
    });
  }

  /**
   * Loads this stage's weights and optimizer state from a checkpoint and goes on from its step. All stages call it, between
   * steps; at the next step both ends of each boundary exchange the projector anew.
   */
  async load(folder: string, format: CheckpointFormat): Promise<CheckpointState> {
    return this.lines.run(async () => {
      this.lines.at.updating = true;
      const state = await readCheckpoint(folder, this.stage, format, this.optimizer);
      this.lines.at.updating = false;
      this.restart(state.step);
      return state;
    });
  }

  /** Goes on from another step, after weights were changed from outside: all stages exchange the projectors anew. */
  restart(step: number): void {
    this.lines.at.step = step;
    this.started = false;
  }

  /** Frees what is in flight and stops reading the channels, which stay open. Weights and optimizer stay. */
  dispose(): void {
    this.lines.dispose();
  }

  /** First exchange: both ends compare what they are, and take the same rounded projector. */
  private async start(): Promise<void> {
    if (this.started) {
      return;
    }
    const {lines, stage, projectors, codec, vocabSize} = this;
    const {name: schedule, stages, microbatches} = this.schedule;
    const shared = {stages, schedule, microbatches, wire: codec.name, vocabSize};
    await shakeHands(lines, stage, projectors, shared);
    this.started = true;
    this.startBytes = lines.bills();
    lines.takeWaited();
  }

  private async forward(microbatch: number, parts: Parts): Promise<void> {
    const {step} = this.lines.at;
    const received = await this.lines.take('previous', 'activation', step, microbatch);
    const ids = this.tensors.idsToSend(parts, microbatch, received);
    const inputs = this.tensors.inputs(parts, microbatch, received);
    if (this.stage.isLast) {
      const targets = this.tensors.targets(parts, microbatch);
      const loss = this.compute.forward(microbatch, inputs, targets, this.tokens);
      this.lossSum += await readLoss(loss);
      return;
    }
    await this.sendActivation(step, microbatch, this.compute.forward(microbatch, inputs), ids);
  }

  private async sendActivation(
    step: number,
    microbatch: number,
    output: tf.Tensor,
    ids: FrameTensor[],
    message?: JsonValue,
  ): Promise<void> {
    const activation = await packTensor(this.codec, 'activation', output, 'its output');
    const tensors = [activation, ...ids];
    await this.lines.send('next', {type: 'activation', step, microbatch, tensors, message});
  }

  private async backward(microbatch: number): Promise<void> {
    const {step} = this.lines.at;
    const received = await this.lines.take('next', 'gradient', step, microbatch);
    const dy = received == null ? tf.scalar(1) : unpackTensor(frameTensor(received, 'gradient'));
    const dx = this.compute.backward(microbatch, dy, !this.stage.isFirst);
    if (dx != null) {
      const tensors = [await packTensor(this.codec, 'gradient', dx, 'the gradient of its input')];
      await this.lines.send('previous', {type: 'gradient', step, microbatch, tensors});
    }
  }

  /** Reduce, commit, update, new projectors. */
  private async finish(): Promise<{loss: number; norm: number; tokens: number}> {
    const {lines, projectors} = this;
    const {step} = lines.at;
    const gradients = this.compute.takeGradients();
    try {
      const reduced = await lines.take('next', 'reduce', step);
      const own = {squares: [] as number[], loss: this.lossSum, tokens: this.tokens};
      const below = (reduced?.message as unknown as typeof own | undefined) ?? own;
      const half = await projectors.reduce(gradients, reduced?.tensors ?? []);
      const squares = [await squaresOf(gradients), ...below.squares];
      await lines.send('previous', {
        type: 'reduce',
        step,
        tensors: half == null ? [] : [half],
        message: {squares, loss: below.loss, tokens: below.tokens},
      });
      const committed = await lines.take('previous', 'commit', step);
      // Summed by the first stage in the order of the stages: the same bits wherever they run.
      const norm =
        committed == null
          ? Math.sqrt(squares.reduce((sum, value) => sum + value, 0))
          : (committed.message as {norm: number}).norm;
      lines.at.updating = true;
      await lines.send('next', {type: 'commit', step, message: {norm}});
      this.optimizer.applyGradients(gradients, {globalNorm: norm});
      if (projectors.sends) {
        await lines.send('next', {type: 'control', step, tensors: [await projectors.pack()]});
      }
      if (projectors.receives) {
        projectors.unpack((await lines.take('previous', 'control', step))!);
      }
      await lines.flush();
      lines.at.updating = false;
      return {loss: below.loss, norm, tokens: below.tokens};
    } finally {
      tf.dispose(gradients);
    }
  }
}

/** Sum of squares of a stage's gradients. Throws, naming a weight, if it is not finite. */
async function squaresOf(gradients: tf.NamedTensorMap): Promise<number> {
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

/** A loss as a number; frees the tensor. Throws if it is not finite. */
async function readLoss(loss: tf.Tensor): Promise<number> {
  const [value] = await loss.data();
  loss.dispose();
  if (!Number.isFinite(value)) {
    throw new Error(`the loss is ${value}`);
  }
  return value;
}
