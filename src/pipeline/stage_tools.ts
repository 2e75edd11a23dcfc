/** What a stage's trainer works with. */
import type {Crossings} from './crossing.js';
import type {Lines} from './lines.js';
import type {ProjectorSync} from './projector_sync.js';
import type {Schedule} from './schedule.js';
import type {Stage} from './stage.js';
import type {StageCompute} from './stage_compute.js';
import type {StepTensors} from './step_tensors.js';
import type {StageOptimizer} from './trainer_args.js';

/** The parts of a trainer, which steps and evaluations use. */
export interface StageTools {
  stage: Stage;
  schedule: Schedule;
  optimizer: StageOptimizer;
  compute: StageCompute;
  tensors: StepTensors;
  projectors: ProjectorSync;
  crossings: Crossings;
  lines: Lines;
}
