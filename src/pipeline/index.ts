/** Training a model split into stages: the public `pipeline` namespace. */
export * from './checkpoint.js';
export {checkSchedule, printSchedule} from './check_schedule.js';
export type {ScheduleCosts, ScheduleReport} from './check_schedule.js';
export type {LegSpecs} from './crossing.js';
export {describeSplit} from './describe_split.js';
export type {
  BoundaryDescription,
  DescribeSplitOptions,
  StageDescription,
} from './describe_split.js';
export {InProcessPipeline} from './in_process.js';
export type {InProcessArgs} from './in_process.js';
export type {LegBytes, StepMetrics} from './metrics.js';
export {PipelineError} from './pipeline_error.js';
export type {Fault} from './pipeline_error.js';
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
export type {SumLoss} from './stage_compute.js';
export {stepTime} from './step_time.js';
export type {LinkSpeed, StepCosts} from './step_time.js';
export {StageTrainer} from './trainer.js';
export type {SaveArgs, StageOptimizer, StageTrainerArgs, StepData} from './trainer_args.js';
export * from './transport/index.js';
export {vjp} from './vjp.js';
export type {Vjp, VjpGradients, VjpOptions} from './vjp.js';
export * from './wire/index.js';
