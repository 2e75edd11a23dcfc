import type {LegSpec} from '../../codecs/leg.js';
import {methodPlan} from '../../codecs/methods/index.js';
import {stageCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';

/**
 * What packs activations and gradients in a run: the method's codecs, or those of `compression.forward` and `.backward`.
 * The same at all boundaries.
 */
export function legsOfConfig(config: RunConfig): {forward: LegSpec; backward: LegSpec} {
  const {model, pipeline, compression} = config;
  const {forward, backward} = methodPlan(compression, {
    stages: stageCount(config),
    hiddenSize: model.hiddenSize,
    wire: pipeline.wire,
  });
  return {forward, backward};
}
