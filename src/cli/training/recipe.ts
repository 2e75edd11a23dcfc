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
 * Rates of the token embedding and of the anchors. A row learns only at its tokens, so that tables of a new model want more than
 * the rest of what AdamW trains (ours, chosen on validation text of the study; published is one rate for all).
 */
export function tableRates({model, training}: RunConfig): {embedding: number; anchors: number} {
  const {adamwLearningRate: rate, embeddingLearningRate, anchorLearningRate} = training;
  const isNew = model.initialModel == null;
  return {
    embedding: embeddingLearningRate ?? (isNew && !model.tieEmbeddings ? 4 : 1) * rate,
    anchors: anchorLearningRate ?? (isNew ? 8 : 1) * rate,
  };
}

/**
 * Options of `train.mapl` for a configuration. `clipNorm` holds for the norm over all stages, which the
 * trainer hands to each stage's optimizer.
 */
export function recipeOf(config: RunConfig): MaplOptions {
  const {training} = config;
  const {embedding, anchors} = tableRates(config);
  return {
    learningRate: training.muonLearningRate,
    adamLearningRate: training.adamwLearningRate,
    embeddingLearningRate: embedding,
    anchorLearningRate: anchors,
    projectorLearningRate: projectorRate(config),
    weightDecay: training.weightDecay,
    adamWeightDecay: training.weightDecay,
    schedule: learningSchedule(config),
    clipNorm: training.clipNorm || null,
  };
}
