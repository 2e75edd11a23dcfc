/** Runs a schedule with mock stages: proves that it ends, measures it, and draws it. */
import {checkOptions} from '../ops/check_options.js';
import {checkInteger} from '../ops/check_values.js';
import {checkScheduleForm} from './check_arguments.js';
import {printAction, type Action, type Schedule} from './schedule.js';

/** What a schedule costs, in slots of time. */
export interface ScheduleReport {
  /** `grid[p][t]`: the action that stage p starts in slot t, or null while it waits or is still busy. */
  grid: Array<Array<Action | null>>;
  /** Slots from the first forward to the last backward. */
  slots: number;
  /** Most microbatches that each stage holds between their forward and their backward. */
  peakInFlight: number[];
  /** Share of all slots in which a stage has nothing to do. */
  bubble: number;
}

/** Slots that a forward and a backward take. A backward is about twice the work of a forward. */
export interface ScheduleCosts {
  forward?: number;
  backward?: number;
}

/**
 * Checks that every stage runs every forward and backward exactly once and in the order of the microbatches (messages
 * arrive in order, and gradients must be summed in one order), and that the stages never wait for each other in a
 * circle.
 *
 * @throws Error naming the stage and the place in its list.
 */
export function checkSchedule(schedule: Schedule, costs: ScheduleCosts = {}): ScheduleReport {
  checkScheduleForm('checkSchedule', schedule);
  checkCosts(costs);
  checkActions(schedule);
  return simulate(schedule, {forward: 1, backward: 1, ...costs});
}

/**
 * Draws a schedule over time, one line a stage, `.` for a slot in which it waits and `=` for one in which it is still
 * busy with a longer action.
 */
export function printSchedule(schedule: Schedule, costs: ScheduleCosts = {}): string {
  const {grid, slots, bubble, peakInFlight} = checkSchedule(schedule, costs);
  const length = {F: costs.forward ?? 1, B: costs.backward ?? 1};
  const rows = grid.map((line, stage) => {
    let busy = 0;
    const cells = line.map((action) => {
      if (action != null) {
        busy = length[action.type] - 1;
        return printAction(action);
      }
      return busy-- > 0 ? '=' : '.';
    });
    return [`stage ${stage}`, ...cells, `in flight ${peakInFlight[stage]}`];
  });
  const header = ['slot', ...Array.from({length: slots}, (_, t) => String(t)), ''];
  const widths = header.map((_, i) => Math.max(...[header, ...rows].map((row) => row[i].length)));
  const lines = [header, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join(' ')
      .trimEnd(),
  );
  const title =
    `${schedule.name}: ${schedule.stages} stages, ${schedule.microbatches} microbatches, ` +
    `${slots} slots, ${(100 * bubble).toFixed(1)} % bubble`;
  return [title, ...lines].join('\n');
}

function checkCosts(costs: ScheduleCosts): void {
  const where = 'checkSchedule, costs';
  checkOptions(where, costs, '{forward: 1, backward: 2}', ['forward', 'backward']);
  checkInteger(where, 'forward', costs.forward ?? 1, 1);
  checkInteger(where, 'backward', costs.backward ?? 1, 1);
}

function checkActions({actions, stages, microbatches}: Schedule): void {
  if (actions.length !== stages) {
    throw new Error(`The schedule has lists for ${actions.length} stages, expected ${stages}.`);
  }
  actions.forEach((list, stage) => {
    const next = {F: 0, B: 0};
    list.forEach((action, position) => {
      const here = `Action ${position} of stage ${stage}, ${printAction(action)}`;
      const {type, microbatch} = action;
      if (action.stage !== stage) {
        throw new Error(`${here}, belongs to stage ${action.stage}.`);
      }
      if (microbatch >= microbatches) {
        throw new Error(
          `${here}: a step has ${microbatches} microbatches, 0 to ${microbatches - 1}.`,
        );
      }
      if (microbatch < next[type]) {
        throw new Error(`${here}, is a duplicate or out of order: ${type}${next[type]} is next.`);
      }
      if (microbatch > next[type]) {
        throw new Error(
          `${here}, is out of order: ${stage}${type}${next[type]} must come before it.`,
        );
      }
      if (type === 'B' && microbatch >= next.F) {
        throw new Error(
          `${here}, comes before the forward of its microbatch, ${stage}F${microbatch}.`,
        );
      }
      next[type]++;
    });
    for (const type of ['F', 'B'] as const) {
      if (next[type] !== microbatches) {
        throw new Error(
          `Stage ${stage} ends after ${list.length} actions without ${stage}${type}${next[type]}.`,
        );
      }
    }
  });
}

function simulate(schedule: Schedule, costs: Required<ScheduleCosts>): ScheduleReport {
  const {actions, stages} = schedule;
  const ends = new Map<string, number>();
  const position = new Array<number>(stages).fill(0);
  const freeAt = new Array<number>(stages).fill(0);
  const starts: number[][] = actions.map(() => []);
  const inFlight = new Array<number>(stages).fill(0);
  const peakInFlight = new Array<number>(stages).fill(0);
  let progress = true;
  while (progress) {
    progress = false;
    for (let stage = 0; stage < stages; stage++) {
      const action = actions[stage][position[stage]];
      const needed = action == null ? null : needs(action, stages);
      if (action == null || (needed != null && !ends.has(printAction(needed)))) {
        continue;
      }
      const ready = needed == null ? 0 : ends.get(printAction(needed))!;
      const start = Math.max(freeAt[stage], ready);
      freeAt[stage] = start + (action.type === 'F' ? costs.forward : costs.backward);
      ends.set(printAction(action), freeAt[stage]);
      starts[stage].push(start);
      inFlight[stage] += action.type === 'F' ? 1 : -1;
      peakInFlight[stage] = Math.max(peakInFlight[stage], inFlight[stage]);
      position[stage]++;
      progress = true;
    }
  }
  const stuck = actions.flatMap((list, stage) => {
    const action = list[position[stage]];
    return action == null
      ? []
      : [
          `stage ${stage} at action ${position[stage]}, ${printAction(action)}, ` +
            `waits for ${printAction(needs(action, stages)!)}`,
        ];
  });
  if (stuck.length > 0) {
    throw new Error(`The schedule deadlocks: ${stuck.join('; ')}.`);
  }
  const slots = Math.max(0, ...freeAt);
  const grid = actions.map((list, stage) => {
    const line = new Array<Action | null>(slots).fill(null);
    list.forEach((action, i) => (line[starts[stage][i]] = action));
    return line;
  });
  const work = schedule.microbatches * (costs.forward + costs.backward);
  return {grid, slots, peakInFlight, bubble: slots === 0 ? 0 : 1 - work / slots};
}

/** The action on a neighbour whose message this one waits for. */
function needs({stage, type, microbatch}: Action, stages: number): Action | null {
  if (type === 'F') {
    return stage === 0 ? null : {stage: stage - 1, type, microbatch};
  }
  return stage === stages - 1 ? null : {stage: stage + 1, type, microbatch};
}
