/** Arguments that several functions of the pipeline take, each refused by name. */
import * as tfl from '@tensorflow/tfjs-layers';
import {checkOptions} from '../ops/check_options.js';
import {
  checkInteger,
  checkList,
  checkMembers,
  checkText,
  refuseValue,
} from '../ops/check_values.js';
import type {CheckpointFormat} from './checkpoint_format.js';
import type {Action, Schedule, ScheduleSize} from './schedule.js';

/** Throws unless `size` is the size of a pipeline. */
export function checkSize(where: string, size: ScheduleSize): void {
  const example = `${where}({stages: 4, microbatches: 8})`;
  checkOptions(where, size, example, ['stages', 'microbatches']);
  checkInteger(where, 'stages', size.stages, 1);
  checkInteger(where, 'microbatches', size.microbatches, 1);
}

/** Throws unless `action` is one of a schedule. */
export function checkAction(where: string, name: string, action: Action): void {
  const example = `an action such as {stage: 2, type: 'F', microbatch: 0}`;
  checkMembers(where, name, action, ['stage', 'type', 'microbatch'], example);
  checkInteger(where, `stage of ${name}`, action.stage, 0);
  checkInteger(where, `microbatch of ${name}`, action.microbatch, 0);
  if (action.type !== 'F' && action.type !== 'B') {
    refuseValue(where, `type of ${name}`, action.type, `'F' or 'B'`);
  }
}

/** Throws unless `schedule` has the form of one; whether it would run is for `checkSchedule`. */
export function checkScheduleForm(where: string, schedule: Schedule): void {
  const example = 'a schedule such as oneFOneB({stages: 4, microbatches: 8})';
  const members = ['stages', 'microbatches', 'actions'];
  checkMembers(where, 'schedule', schedule, members, example);
  checkInteger(where, 'stages of schedule', schedule.stages, 1);
  checkInteger(where, 'microbatches of schedule', schedule.microbatches, 1);
  checkList(where, 'actions of schedule', schedule.actions, 'a list of actions for each stage');
  schedule.actions.forEach((list, stage) => {
    const name = `actions[${stage}]`;
    checkList(where, name, list, 'the list of actions of that stage');
    list.forEach((action, i) => checkAction(where, `${name}[${i}]`, action));
  });
}

/** Throws unless `model` is a model of tfjs-layers. */
export function checkModel(where: string, model: tfl.LayersModel): void {
  if (!(model instanceof tfl.LayersModel)) {
    refuseValue(where, 'model', model, 'a model of tfjs-layers such as llama(config)');
  }
}

/** `folder`, if it is the path of one. */
export function checkFolder(where: string, name: string, folder: string): string {
  return checkText(where, name, folder, `a path such as 'checkpoints/step-000100'`);
}

/** Throws unless `format` is the layout of a model's checkpoints. */
export function checkFormat(where: string, format: CheckpointFormat): void {
  const members = ['parameters', 'json', 'identity'];
  checkMembers(where, 'format', format, members, 'what checkpointFormat(model) gives');
}
