import path from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {checkpointName} from '../../pipeline/checkpoint.js';
import type {RunConfig} from '../config/schema.js';
import {formatLoss, formatSeconds} from '../report/format.js';
import type {Progress} from '../run/progress.js';
import type {BoundaryHealth, StepRecord} from '../run/records.js';
import type {RunFolder} from '../run/run_folder.js';
import type {Schedule} from '../../optimizers/schedules.js';
import {collectHealth} from './collect_health.js';
import type {OnProgress, StageCommand, StageHandle, StageResult} from './messages.js';

/** What the conductor needs. */
export interface ConductArgs {
  /** All stages, in order, ready. */
  stages: StageHandle[];
  config: RunConfig;
  run: RunFolder;
  progress: Progress;
  /** The learning rates' schedule, for the record. */
  schedule: Schedule;
  /** Steps that a resumed checkpoint has behind it. */
  done: number;
  /** Asked before every step; true ends the run after a checkpoint. */
  stopRequested: () => boolean;
}

/** What a run came to. */
export interface Conducted {
  /** Steps done in all. */
  steps: number;
  /** Whether it was stopped before its last step. */
  stopped: boolean;
  /** Folder of the last checkpoint, relative to the run's. */
  checkpoint: string | null;
  /** Held-out losses at the end; null when stopped before. */
  validation: number | null;
  test: number | null;
  /** Projectors at the end. */
  boundaries: BoundaryHealth[];
}

/** Seconds between lines about an evaluation that takes long. */
const TELL_SECONDS = 10;

/** Whether something is due after a step. */
const due = (step: number, every: number) => every > 0 && step % every === 0;

/**
 * Leads stages through a run: steps, and in between validations, measurements of the projectors and
 * checkpoints. It has every stage do the same thing at the same time; one step is one command, so a run can
 * be stopped after any of them.
 */
export class Conductor {
  private checkpoint: {step: number; folder: string} | null = null;

  constructor(private readonly args: ConductArgs) {}

  /** Folder of the last checkpoint of this session, relative to the run's. */
  get lastCheckpoint(): string | null {
    return this.checkpoint?.folder ?? null;
  }

  /**
   * Runs to the last step, or until asked to stop.
   *
   * @throws StageFailure when a stage fails; the last checkpoint stays.
   */
  async run(): Promise<Conducted> {
    const {config, stopRequested, done} = this.args;
    const {steps} = config.training;
    const {validateEvery, diagnosticsEvery, checkpointEvery} = config.output;
    const {validationBatches, finalBatches} = config.output;
    let step = done;
    while (step < steps) {
      // A step on plain JavaScript may be microtasks only: without a task in between no signal would be heard.
      await setImmediate();
      if (stopRequested()) break;
      step++;
      await this.step(step);
      if (step === steps) break;
      if (due(step, validateEvery)) await this.evaluate(step, 'validation', validationBatches);
      if (due(step, diagnosticsEvery)) await this.diagnose(step);
      if (due(step, checkpointEvery)) await this.save(step);
    }
    if (step > done && this.checkpoint?.step !== step) await this.save(step);
    const stopped = step < steps;
    return {
      steps: step,
      stopped,
      checkpoint: this.lastCheckpoint,
      validation: stopped ? null : await this.evaluate(step, 'validation', finalBatches),
      test: stopped ? null : await this.evaluate(step, 'test', finalBatches),
      boundaries: await this.diagnose(step),
    };
  }

  private async all(command: StageCommand, onProgress?: OnProgress): Promise<StageResult[]> {
    return Promise.all(this.args.stages.map((stage) => stage.run(command, onProgress)));
  }

  private async step(step: number): Promise<void> {
    const {run, progress, config, schedule} = this.args;
    const started = performance.now();
    const results = await this.all({do: 'train', step});
    const seconds = (performance.now() - started) / 1000;
    const last = results[results.length - 1];
    const record: StepRecord = {
      kind: 'step',
      step,
      loss: last.loss as number,
      gradientNorm: last.gradientNorm as number,
      rate: schedule.at(step - 1),
      tokens: config.training.batchSize * config.training.context,
      seconds,
      forwardBytes: results.slice(0, -1).map((result) => result.forwardBytes as number),
      backwardBytes: results.slice(1).map((result) => result.backwardBytes as number),
      overheadBytes: results.reduce((sum, result) => sum + (result.overheadBytes as number), 0),
      waiting: results.map((result) => (result.waitSeconds as number) / seconds),
    };
    run.append(record);
    progress.step(record);
  }

  private async evaluate(
    step: number,
    split: 'validation' | 'test',
    batches: number,
  ): Promise<number | null> {
    const {run, progress} = this.args;
    const started = performance.now();
    let told = started;
    const results = await this.all({do: 'evaluate', split, batches}, (share) => {
      const now = performance.now();
      if (share === 1 || now - told < TELL_SECONDS * 1000) return;
      told = now;
      const left = formatSeconds(((now - started) / 1000) * (1 / share - 1));
      const percent = Math.floor(100 * share);
      progress.note(`step ${step}: ${percent} % of the ${split} text measured, about ${left} left`);
    });
    const {loss, tokens} = results[results.length - 1];
    // A corpus may have no text held out for one of the two.
    if (loss == null || !tokens) return null;
    run.append({kind: 'evaluation', step, split, loss, tokens});
    progress.note(`step ${step}: ${split} loss ${formatLoss(loss)} on ${tokens} tokens`);
    return loss;
  }

  private async diagnose(step: number): Promise<BoundaryHealth[]> {
    const results = await this.all({do: 'diagnose'});
    const boundaries = collectHealth(results);
    if (boundaries.length) this.args.run.append({kind: 'diagnostics', step, boundaries});
    return boundaries;
  }

  private async save(step: number): Promise<void> {
    const {run, progress} = this.args;
    const name = checkpointName(step);
    await this.all({do: 'save', target: path.join(run.checkpoints, name)});
    const folder = `checkpoints/${name}`;
    this.checkpoint = {step, folder};
    run.append({kind: 'checkpoint', step, folder});
    progress.note(`step ${step}: checkpoint ${folder}`);
  }
}
