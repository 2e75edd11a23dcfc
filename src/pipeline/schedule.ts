/**
 * Schedules are data: for each stage the list of forward (`F`) and backward (`B`) actions it runs, in order. They know
 * nothing of tensors or transports; `checkSchedule` proves one with mock stages before anything runs.
 *
 * GPipe: Huang et al. 2019. 1F1B: Narayanan et al. 2019 (PipeDream), the non-interleaved flushing form of Megatron-LM.
 * Both run backwards in the order of the microbatches, so that gradients are summed in one order and both give the same
 * result to the last bit.
 */

import {checkFunction, checkText} from '../ops/check_values.js';
import {checkAction, checkScheduleForm, checkSize} from './check_arguments.js';

/** One action, printed `2F0`: stage 2 runs the forward of microbatch 0. */
export interface Action {
  stage: number;
  type: 'F' | 'B';
  microbatch: number;
}

/** What every stage does in one step. */
export interface Schedule {
  name: string;
  stages: number;
  microbatches: number;
  /** `actions[p]` is the list of stage p, in the order in which it runs them. */
  actions: Action[][];
}

/** Size of a pipeline: stages ≥ 1 and microbatches of a step ≥ 1. */
export interface ScheduleSize {
  stages: number;
  microbatches: number;
}

/** `2F0` for `{stage: 2, type: 'F', microbatch: 0}`. */
export function printAction(action: Action): string {
  checkAction('printAction', 'action', action);
  const {stage, type, microbatch} = action;
  return `${stage}${type}${microbatch}`;
}

/**
 * Reads what `printAction` wrote.
 * @throws Error when the text is not a stage, `F` or `B`, and a microbatch.
 */
export function parseAction(text: string): Action {
  checkText('parseAction', 'text', text, `an action such as '2F0'`);
  const match = /^(\d+)([FB])(\d+)$/.exec(text.trim());
  if (match == null) {
    throw new Error(
      `'${text}' is not an action: expected stage, F or B, microbatch, such as '2F0'.`,
    );
  }
  return {stage: Number(match[1]), type: match[2] as 'F' | 'B', microbatch: Number(match[3])};
}

/** The actions of a schedule as text, one line a stage: `0F0 0F1 0B0 0B1`. */
export function formatSchedule(schedule: Schedule): string {
  checkScheduleForm('formatSchedule', schedule);
  return schedule.actions.map((list) => list.map(printAction).join(' ')).join('\n');
}

/**
 * Reads what `formatSchedule` wrote. The sizes are those of the text; `checkSchedule` tells whether it would run.
 * @throws Error when an action stands in the line of another stage.
 */
export function parseSchedule(text: string, name = 'custom'): Schedule {
  checkText('parseSchedule', 'text', text, `lines of actions such as '0F0 0B0'`);
  checkText('parseSchedule', 'name', name, `a name such as 'custom'`);
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const actions = lines.map((line, stage) =>
    line.split(/\s+/).map((word) => {
      const action = parseAction(word);
      if (action.stage !== stage) {
        throw new Error(
          `Line ${stage} of the schedule has ${word}, an action of stage ${action.stage}.`,
        );
      }
      return action;
    }),
  );
  const microbatches = 1 + Math.max(-1, ...actions.flat().map((action) => action.microbatch));
  return {name, stages: actions.length, microbatches, actions};
}

/** All forwards, then all backwards. Simple, but every stage holds all microbatches at once. */
export function gpipe(size: ScheduleSize): Schedule {
  checkSize('gpipe', size);
  return build('gpipe', size, ({microbatches}) => microbatches);
}

/**
 * One forward, one backward: stage p starts with `stages − p` forwards and then alternates, so that it never holds more
 * than `stages − p` microbatches.
 */
export function oneFOneB(size: ScheduleSize): Schedule {
  checkSize('oneFOneB', size);
  return build('1f1b', size, ({stages, microbatches}, stage) =>
    Math.min(stages - stage, microbatches),
  );
}

/** Stages that run up to `ahead` forwards before the first backward, then alternate backward and forward. */
function build(
  name: string,
  size: ScheduleSize,
  ahead: (size: ScheduleSize, stage: number) => number,
): Schedule {
  const {stages, microbatches} = size;
  const actions = Array.from({length: stages}, (_, stage) => {
    const list: Action[] = [];
    let next = 0;
    const forward = () => list.push({stage, type: 'F', microbatch: next++});
    while (next < ahead(size, stage)) {
      forward();
    }
    for (let microbatch = 0; microbatch < microbatches; microbatch++) {
      list.push({stage, type: 'B', microbatch});
      if (next < microbatches) {
        forward();
      }
    }
    return list;
  });
  return {name, stages, microbatches, actions};
}

const registry = new Map<string, (size: ScheduleSize) => Schedule>();

/** Makes a schedule known by name, for `makeSchedule` and the `schedule` setting of a run. */
export function registerSchedule(name: string, make: (size: ScheduleSize) => Schedule): void {
  checkText('registerSchedule', 'name', name, `a name such as 'mine'`);
  checkFunction('registerSchedule', 'make', make, 'a function of {stages, microbatches}');
  registry.set(name, make);
}

/** Names of all registered schedules. */
export function scheduleNames(): string[] {
  return [...registry.keys()];
}

/**
 * Builds a schedule by name.
 * @throws Error listing the known names when there is none of that name.
 */
export function makeSchedule(name: string, size: ScheduleSize): Schedule {
  const make = registry.get(name);
  if (make == null) {
    throw new Error(
      `Schedule '${String(name)}' is not known: expected one of ${scheduleNames().join(', ')}.`,
    );
  }
  return make(size);
}

registerSchedule('gpipe', gpipe);
registerSchedule('1f1b', oneFOneB);
