import type {MaplOptions} from '../../optimizers/mapl_optimizer.js';
import {
  warmupConstant,
  warmupLinear,
  type LearningRate,
  type Schedule,
} from '../../optimizers/schedules.js';
import type {RunConfig} from '../config/schema.js';

/**
 * The share of the full learning rates at each step: a linear warm-up, a plateau, and a linear way down to
 * zero over the last part.
 */
export function learningSchedule(config: RunConfig): Schedule {
  const {steps, warmup, decay} = config.training;
  const warmupSteps = Math.round(warmup * steps);
  const holdUntil = Math.max(warmupSteps, steps - Math.round(decay * steps));
  if (holdUntil >= steps) return warmupConstant({warmupSteps});
  return warmupLinear({warmupSteps, holdUntil, totalSteps: steps});
}

/** The projectors' rate, which may rise over more steps than that of the rest. */
function projectorRate({training}: RunConfig): LearningRate {
  const {projectorLearningRate: peak, projectorWarmup, steps} = training;
  const warmupSteps = Math.round(projectorWarmup * steps);
  return warmupSteps === 0 ? peak : warmupConstant({peak, warmupSteps});
}

/**
 * Options of `train.mapl` for a configuration. `clipNorm` holds for the norm over all stages, which the
 * trainer hands to each stage's optimizer.
 */
export function recipeOf(config: RunConfig): MaplOptions {
  const {training} = config;
  return {
    learningRate: training.muonLearningRate,
    adamLearningRate: training.adamwLearningRate,
    embeddingLearningRate: training.embeddingLearningRate ?? undefined,
    anchorLearningRate: training.anchorLearningRate ?? undefined,
    projectorLearningRate: projectorRate(config),
    weightDecay: training.weightDecay,
    adamWeightDecay: training.weightDecay,
    schedule: learningSchedule(config),
    clipNorm: training.clipNorm || null,
  };
}
