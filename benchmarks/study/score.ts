import {makeSchedule} from '../../src/pipeline/schedule.js';
import {FORWARD_SHARE, stepTime} from '../../src/pipeline/step_time.js';
import type {RecordedRun} from './ledger.js';
import type {Link} from './preset.js';
import type {Timing} from './timing.js';

/** Time to a loss over a link: the yardstick of ProtocolNanoGPT, steps to a target × seconds a step. */
export interface Score {
  row: string;
  stages: number;
  link: string;
  /** Mean over the seeds that got there, from a line between validations; null if one did not. */
  steps: number | null;
  /** Seconds a step takes over the link. */
  secondsPerStep: number;
  /** Seconds a step takes when nothing has to cross. */
  computeSeconds: number;
  hours: number | null;
}

/** The step at which a curve falls to `target`, between two validations on a straight line; null if it does not. */
export function stepsTo(target: number, curve: RecordedRun['curve']): number | null {
  for (let i = 0; i < curve.length; i++) {
    const {step, loss} = curve[i];
    if (loss > target) continue;
    if (i === 0) return step;
    const before = curve[i - 1];
    return before.step + ((before.loss - target) / (before.loss - loss)) * (step - before.step);
  }
  return null;
}

/**
 * Scores of all rows that were timed, over all links.
 *
 * A run in one process computes its stages one after the other, so that its measured time a step, divided by stages and
 * microbatches, is that of one microbatch on one stage; `stepTime` runs the schedule with it on a clock.
 */
export function scores(
  runs: RecordedRun[],
  timings: readonly Timing[],
  links: readonly Link[],
  target: number,
): Score[] {
  const cells = new Map<string, RecordedRun[]>();
  for (const run of runs) {
    const key = `${run.row} ${run.stages}`;
    cells.set(key, [...(cells.get(key) ?? []), run]);
  }
  return [...cells.values()].flatMap((own) => {
    const [{row, stages, summary}] = own;
    const {microbatches, schedule: name} = summary.config.pipeline;
    const schedule = makeSchedule(name, {stages, microbatches});
    const timing = timings.find((one) => one.row === row && one.stages === stages);
    if (timing == null) return [];
    const unit = timing.secondsPerStep / stages / microbatches;
    const tokens = summary.tokens / summary.steps / microbatches;
    const {boundaries} = summary.bytesPerToken;
    const compute = {
      forwardSeconds: unit * FORWARD_SHARE,
      backwardSeconds: unit * (1 - FORWARD_SHARE),
    };
    const steps = own.map(({curve}) => stepsTo(target, curve));
    const reached = steps.filter((step) => step != null);
    const mean =
      reached.length === own.length
        ? reached.reduce((sum, step) => sum + step, 0) / own.length
        : null;
    return links.map((link): Score => {
      const bytes = (leg: 'forward' | 'backward') => boundaries.map((one) => one[leg] * tokens);
      const secondsPerStep = stepTime(schedule, {
        ...compute,
        forwardBytes: bytes('forward'),
        backwardBytes: bytes('backward'),
        link,
      });
      const none = boundaries.map(() => 0);
      const free = {
        ...compute,
        forwardBytes: none,
        backwardBytes: none,
        link: {mbps: 1, delayMs: 0},
      };
      return {
        row,
        stages,
        link: link.name,
        steps: mean,
        secondsPerStep,
        computeSeconds: stepTime(schedule, free),
        hours: mean == null ? null : (mean * secondsPerStep) / 3600,
      };
    });
  });
}
