import {methodPlan} from '../../codecs/methods/index.js';
import {stageCount} from './check_config.js';
import {parseConfig} from './load_config.js';
import type {RunConfig} from './schema.js';

/**
 * Reads settings that a run wrote, perhaps of an earlier version: settings that came since are filled in with what that run
 * had, which are their defaults unless `asItWas` says otherwise. To be compared, stored settings have to be read by this first.
 *
 * @param settings What a `config.json`, a checkpoint or a ledger has, in sections.
 * @param source Where it came from, for the error message.
 * @throws Error listing every problem, such as a key that does not exist any more.
 */
export function parseStored(settings: unknown, source: string): RunConfig {
  try {
    const config = parseConfig(settings, source);
    return asItWas(settings as Partial<RunConfig>, config);
  } catch (error) {
    throw new Error(
      `${(error as Error).message}\n` +
        'Another version of tfjs-mapl wrote it, or it was edited: go on with the version that wrote it, or start a new run.',
      {cause: error},
    );
  }
}

/** Says in today's words what a default was when the settings were written. */
function asItWas(written: Partial<RunConfig>, config: RunConfig): RunConfig {
  const {model, compression, pipeline, training} = config;
  if (written.training?.anchorLearningRate === undefined) {
    // AdamW had one rate for all then.
    training.embeddingLearningRate ??= training.adamwLearningRate;
    training.anchorLearningRate ??= training.adamwLearningRate;
  }
  if (written.model?.embeddingRange !== undefined) return config;
  // Embeddings started as narrow as all weights then, and anchors at zero.
  if (!model.tieEmbeddings) model.embeddingRange = 0.02;
  const context = {stages: stageCount(config), hiddenSize: model.hiddenSize, wire: pipeline.wire};
  const plan = methodPlan(compression, context).model;
  if (plan?.anchorStart === 'embedding') compression.anchorStart ??= 'zeros';
  return config;
}
