import {makeLeg} from '../../codecs/leg_registry.js';
import {methodPlan} from '../../codecs/methods/index.js';
import type {RunConfig} from './schema.js';

/** Number of stages a configuration asks for. */
export function stageCount(config: RunConfig): number {
  const {stages} = config.pipeline;
  return typeof stages === 'number' ? stages : stages.length + 1;
}

/** Number of processes: one a stage unless told otherwise. */
export function processCount(config: RunConfig): number {
  return config.pipeline.processes ?? stageCount(config);
}

/** Problems with names of layers that begin stages: decoder layers, each after the one before. */
function stageNameProblems(stages: string[], layers: number): string[] {
  const problems: string[] = [];
  let previous = 0;
  stages.forEach((name, i) => {
    const index = Number(/^model\.layers\.(\d+)$/.exec(name)?.[1] ?? -1);
    if (index <= previous || index >= layers) {
      problems.push(
        `pipeline.stages: '${name}' cannot begin stage ${i + 1}; expected a layer from ` +
          `model.layers.${previous + 1} to model.layers.${layers - 1}.`,
      );
    } else {
      previous = index;
    }
  });
  return problems;
}

/** Problems with the method, and with the codecs of its legs. */
function compressionProblems(config: RunConfig): string[] {
  const {compression, model, pipeline} = config;
  const context = {stages: stageCount(config), hiddenSize: model.hiddenSize, wire: pipeline.wire};
  try {
    const plan = methodPlan(compression, context);
    for (const direction of ['forward', 'backward'] as const) {
      makeLeg(plan[direction], `compression.${direction}`);
    }
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/**
 * Checks what no single key can: sizes that have to fit each other.
 *
 * @param config A configuration valid by the schema.
 * @return One line a problem, each naming the keys, their values and a way out; empty when all is well.
 */
export function configProblems(config: RunConfig): string[] {
  const {model, pipeline, training, data} = config;
  const problems: string[] = [];
  const stages = stageCount(config);
  const keyValueHeads = model.keyValueHeads ?? model.heads;
  if (model.hiddenSize % model.heads) {
    problems.push(
      `model.hiddenSize is ${model.hiddenSize}, not a multiple of model.heads (${model.heads}).`,
    );
  } else if ((model.hiddenSize / model.heads) % 2) {
    problems.push(
      `model.hiddenSize / model.heads is ${model.hiddenSize / model.heads}; rotary positions turn ` +
        'pairs, so it must be even.',
    );
  }
  if (model.heads % keyValueHeads) {
    problems.push(
      `model.heads is ${model.heads}, not a multiple of model.keyValueHeads (${keyValueHeads}).`,
    );
  }
  problems.push(...compressionProblems(config));
  if (model.layers < stages) {
    problems.push(
      `model.layers is ${model.layers}, pipeline.stages asks for ${stages} stages; every stage ` +
        `needs a layer: use at most ${model.layers} stages.`,
    );
  }
  if (Array.isArray(pipeline.stages)) {
    problems.push(...stageNameProblems(pipeline.stages, model.layers));
  }
  if (training.batchSize % pipeline.microbatches) {
    problems.push(
      `training.batchSize is ${training.batchSize}, not a multiple of pipeline.microbatches ` +
        `(${pipeline.microbatches}).`,
    );
  }
  if (training.context > model.maxContext) {
    problems.push(
      `training.context is ${training.context}, longer than model.maxContext (${model.maxContext}).`,
    );
  }
  if (pipeline.processes !== null && pipeline.processes !== 1 && pipeline.processes !== stages) {
    problems.push(
      `pipeline.processes is ${pipeline.processes}; use 1 (all stages in one process) or ${stages} ` +
        '(one a stage).',
    );
  }
  if (training.warmup + training.decay > 1) {
    problems.push(
      `training.warmup (${training.warmup}) and training.decay (${training.decay}) overlap: ` +
        'their sum must be at most 1.',
    );
  }
  if (data.validationShare + data.testShare >= 1) {
    problems.push(
      `data.validationShare (${data.validationShare}) and data.testShare (${data.testShare}) leave ` +
        'nothing to train on.',
    );
  }
  return problems;
}
