/** One stage's part in training: runs the schedule, talks to its neighbours, updates its weights. */
import * as tf from '@tensorflow/tfjs-core';
import {requireOptions} from '../ops/check_options.js';
import {checkInteger, checkList, checkSeed} from '../ops/check_values.js';
import {checkFormat} from './check_arguments.js';
import {getFloatCodec} from '../codecs/index.js';
import {readCheckpoint, type CheckpointState} from './read_checkpoint.js';
import type {CheckpointFormat} from './checkpoint_format.js';
import {checkSchedule} from './check_schedule.js';
import {Crossings, legSettings, makeLegs} from './crossing.js';
import {evaluateTogether} from './evaluate_together.js';
import {methodSettings, shakeHands, type SharedSettings} from './handshake.js';
import {Lines} from './lines.js';
import type {LegBytes, StepMetrics} from './metrics.js';
import {ProjectorSync} from './projector_sync.js';
import {saveTogether} from './save_together.js';
import {makeSchedule, type Schedule} from './schedule.js';
import type {Stage} from './stage.js';
import {StageCompute} from './stage_compute.js';
import {StageStep} from './stage_step.js';
import type {StageTools} from './stage_tools.js';
import {StepTensors} from './step_tensors.js';
import {
  checkTrainerArgs,
  type SaveArgs,
  type StageOptimizer,
  type StageTrainerArgs,
  type StepData,
} from './trainer_args.js';
import type {JsonValue} from './wire/index.js';

export type {SaveArgs, StageOptimizer, StageTrainerArgs, StepData};

const DEFAULT_TIMEOUT_MS = 300_000;

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
  private readonly tools: StageTools;
  private readonly lines: Lines;
  private readonly settings: SharedSettings;
  private readonly legs: {[key: string]: JsonValue};
  private started = false;

  constructor(args: StageTrainerArgs) {
    checkTrainerArgs(args);
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
    const {schedule = '1f1b', wire = 'bfloat16', seed = 0} = args;
    this.schedule = typeof schedule === 'string' ? makeSchedule(schedule, size) : schedule;
    if (this.schedule.stages !== size.stages || this.schedule.microbatches !== microbatches) {
      throw new Error(
        `StageTrainer: schedule '${this.schedule.name}' is for ${this.schedule.stages} stages and ` +
          `${this.schedule.microbatches} microbatches, expected ${size.stages} and ${microbatches}.`,
      );
    }
    checkSchedule(this.schedule);
    checkSeed('StageTrainer', seed);
    const codec = getFloatCodec(wire);
    const legs = makeLegs(args.legs ?? {forward: {codec: wire}, backward: {codec: wire}});
    this.legs = legSettings(legs);
    const shared = {schedule: this.schedule.name, wire: codec.name, vocabSize, seed};
    this.settings = {...size, ...shared, ...methodSettings(args.method)};
    const compute = new StageCompute(stage, args.recompute ?? false, args.loss);
    const lines = {
      stage,
      channels: {previous, next},
      limit: microbatches + 2,
      timeoutMs: args.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      reset: () => compute.reset(),
    };
    this.lines = new Lines(lines, args.step ?? 0);
    this.tools = {
      stage,
      schedule: this.schedule,
      optimizer,
      compute,
      tensors: new StepTensors(stage, vocabSize),
      projectors: new ProjectorSync(stage, codec),
      crossings: new Crossings(stage, legs, seed, microbatches),
      lines: this.lines,
    };
  }

  /** How many steps were done; metrics and errors give the next one the number after it. */
  get nextStep(): number {
    return this.lines.at.step;
  }

  /**
   * Runs one training step and updates the weights. All stages call it, with their part of the data.
   * @throws PipelineError, the same on all stages. The trainer is of no use then.
   */
  async step(data: StepData = {}): Promise<StepMetrics> {
    return this.lines.run(async () => {
      requireOptions('step(data)', data, '{ids, targets, shape: [8, 128]}');
      await this.start();
      const {at} = this.lines;
      const begin = performance.now();
      const {tensors, compute} = this.tools;
      const parts = tensors.divide(data, this.schedule.microbatches);
      const {loss, norm, tokens} = await new StageStep(this.tools, parts).run();
      const peaks = compute.takePeaks();
      return {
        step: ++at.step,
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
    }, true);
  }

  /**
   * Mean loss over all tokens of some batches, forward only. All stages call it; the first and the last with the same
   * batches (each crosses as it is, not in microbatches), the others need not give any.
   * @param onBatch Called on the last stage after each batch, with how many are done.
   * @throws PipelineError, the same on all stages.
   */
  async evaluate(
    batches: readonly StepData[] = [],
    onBatch?: (done: number) => void,
  ): Promise<number> {
    return this.lines.run(async () => {
      checkList('evaluate(batches)', 'batches', batches, 'a list of {ids, targets, shape}');
      await this.start();
      const loss = await evaluateTogether(this.tools, batches, onBatch);
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
      requireOptions(
        'save',
        args,
        `{format: checkpointFormat(model), target: 'checkpoints/step-1'}`,
      );
      checkFormat('save', args.format);
      const place = await saveTogether(this.tools, args);
      this.saveBytes = this.lines.bills();
      this.lines.takeWaited();
      return place;
    });
  }

  /**
   * Loads this stage's weights, optimizer state and state of codecs from a checkpoint and goes on from its step. All stages call it, between
   * steps; at the next step both ends of each boundary exchange the projector anew.
   */
  async load(folder: string, format: CheckpointFormat): Promise<CheckpointState> {
    return this.lines.run(async () => {
      this.lines.at.updating = true;
      const state = await readCheckpoint(
        folder,
        this.stage,
        format,
        this.optimizer,
        this.tools.crossings.ends(),
      );
      this.lines.at.updating = false;
      this.restart(state.step);
      return state;
    });
  }

  /** Goes on from another step, after weights were changed from outside: all stages exchange the projectors anew. */
  restart(step: number): void {
    checkInteger('StageTrainer.restart', 'step', step, 0);
    this.lines.at.step = step;
    this.started = false;
  }

  /** What codecs measure of themselves, such as the share of codes in use, as `boundary.0.forward.sender.<name>`. */
  measureLegs(): Promise<Record<string, number>> {
    return this.tools.crossings.measure();
  }

  /** Frees what is in flight and stops reading the channels, which stay open. Weights and optimizer stay. */
  dispose(): void {
    this.lines.dispose();
    this.tools.crossings.dispose();
  }

  /** First exchange: both ends compare what they are, and take the same rounded projector. */
  private async start(): Promise<void> {
    if (this.started) {
      return;
    }
    const {lines, stage} = this;
    await shakeHands(lines, stage, this.tools.projectors, this.settings, this.legs);
    this.tools.crossings.meet();
    this.started = true;
    this.startBytes = lines.bills();
    lines.takeWaited();
  }
}
