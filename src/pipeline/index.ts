/** Training a model split into stages: the public `pipeline` namespace. */
export {checkSchedule, printSchedule} from './check_schedule.js';
export type {ScheduleCosts, ScheduleReport} from './check_schedule.js';
export {describeSplit} from './describe_split.js';
export type {
  BoundaryDescription,
  DescribeSplitOptions,
  StageDescription,
} from './describe_split.js';
export {
  formatSchedule,
  gpipe,
  makeSchedule,
  oneFOneB,
  parseAction,
  parseSchedule,
  printAction,
  registerSchedule,
  scheduleNames,
} from './schedule.js';
export type {Action, Schedule, ScheduleSize} from './schedule.js';
export {splitModel} from './split.js';
export type {SplitOptions} from './split.js';
export {keepStage, Stage} from './stage.js';
export * from './transport/index.js';
export {vjp} from './vjp.js';
export type {Vjp, VjpGradients, VjpOptions} from './vjp.js';
export * from './wire/index.js';
