/** How long a step takes over links of a given rate and delay, by running its schedule on a clock. */
import {requireOptions} from '../ops/check_options.js';
import {checkList, checkNumber} from '../ops/check_values.js';
import {checkSchedule} from './check_schedule.js';
import type {Action, Schedule} from './schedule.js';

/** Share of a step's compute that is forward: a backward is about twice the work. */
export const FORWARD_SHARE = 1 / 3;

/** A link between two neighbouring stages; each direction has the whole rate. */
export interface LinkSpeed {
  /** Megabits a second (10⁶). */
  mbps: number;
  /** One way, milliseconds. */
  delayMs: number;
}

/** What a step is made of. */
export interface StepCosts {
  /** Seconds of a microbatch's forward on one stage. */
  forwardSeconds: number;
  /** Seconds of its backward. */
  backwardSeconds: number;
  /** By boundary: bytes of a microbatch that cross downstream. */
  forwardBytes: readonly number[];
  /** By boundary: bytes of a microbatch that cross upstream. */
  backwardBytes: readonly number[];
  link: LinkSpeed;
}

/**
 * Seconds from the first forward to the last backward of a step (ours). Stages compute one action at a time, in the order of the
 * schedule; sending goes on beside computing; what crosses one boundary in one direction goes one after the other:
 *
 *     arrival = max(computed, link free) + bytes · 8 / rate + delay
 *
 * What is sent once a step (norms, projectors) is not in it.
 *
 * @throws Error if the schedule cannot run, or a cost is negative, not a number, or missing for a boundary.
 */
export function stepTime(schedule: Schedule, costs: StepCosts): number {
  checkSchedule(schedule);
  requireOptions(
    'stepTime, costs',
    costs,
    '{forwardSeconds, backwardSeconds, forwardBytes, backwardBytes, link: {mbps: 100, delayMs: 10}}',
  );
  requireOptions('stepTime, link', costs.link, '{mbps: 100, delayMs: 10}');
  const {forwardSeconds, backwardSeconds, forwardBytes, backwardBytes, link} = costs;
  const boundaries = schedule.stages - 1;
  for (const [name, list] of Object.entries({forwardBytes, backwardBytes})) {
    const numbers = 'a list of bytes, one for each boundary';
    checkList('stepTime', name, list, numbers);
    list.forEach((bytes, p) => checkNumber('stepTime', `${name}[${p}]`, bytes));
    if (list.length !== boundaries) {
      throw new Error(
        `stepTime: ${name} has ${list.length} entries, expected one for each of ${boundaries} boundaries.`,
      );
    }
  }
  const numbers = {forwardSeconds, backwardSeconds, delayMs: link.delayMs};
  for (const [name, value] of Object.entries(numbers)) {
    if (!(typeof value === 'number' && value >= 0)) {
      throw new Error(`stepTime: ${name} is ${String(value)}, expected at least 0.`);
    }
  }
  if (!(typeof link.mbps === 'number' && link.mbps > 0)) {
    throw new Error(`stepTime: mbps is ${String(link.mbps)}, expected more than 0.`);
  }

  const arrivals = new Map<string, number>();
  const linkFree = new Map<string, number>();
  const stageFree = schedule.actions.map(() => 0);
  const next = schedule.actions.map(() => 0);
  const key = (type: 'F' | 'B', stage: number, microbatch: number) =>
    `${stage}${type}${microbatch}`;

  /** When what the action needs is there; undefined while it was not sent yet. */
  const ready = ({type, stage, microbatch}: Action) =>
    (type === 'F' && stage === 0) || (type === 'B' && stage === boundaries)
      ? 0
      : arrivals.get(key(type, stage, microbatch));

  const run = (action: Action, at: number) => {
    const {type, stage, microbatch} = action;
    const done = at + (type === 'F' ? forwardSeconds : backwardSeconds);
    stageFree[stage] = done;
    const to = type === 'F' ? stage + 1 : stage - 1;
    if (to < 0 || to > boundaries) return;
    const bytes = type === 'F' ? forwardBytes[stage] : backwardBytes[to];
    const line = `${stage}${type}`;
    const sent = Math.max(done, linkFree.get(line) ?? 0) + (bytes * 8) / (link.mbps * 1e6);
    linkFree.set(line, sent);
    arrivals.set(key(type, to, microbatch), sent + link.delayMs / 1000);
  };

  // `checkSchedule` has shown that some stage can always go on.
  for (let left = schedule.actions.flat().length; left > 0;) {
    schedule.actions.forEach((list, stage) => {
      for (let action = list[next[stage]]; action != null; action = list[next[stage]]) {
        const at = ready(action);
        if (at === undefined) return;
        run(action, Math.max(at, stageFree[stage]));
        next[stage]++;
        left--;
      }
    });
  }
  return Math.max(...stageFree);
}
