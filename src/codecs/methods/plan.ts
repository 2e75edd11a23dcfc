/** From the `compression` section of a configuration to what is built. */
import {requireOptions} from '../../ops/check_options.js';
import type {LegSpec} from '../leg.js';
import {makeLeg} from '../leg_registry.js';
import type {MethodOptions, MethodPlan} from '../method.js';
import {rvqSettings, sizeFor} from '../rvq/rvq_options.js';
import {getMethod} from './registry.js';

/** The `compression` section of a configuration; what is null or absent is the method's own choice. */
export interface CompressionSettings {
  method: string;
  rank: number;
  anchorRank?: number | null;
  anchors?: MethodOptions['anchors'] | null;
  projector?: MethodOptions['projector'] | null;
  anchorStart?: MethodOptions['anchorStart'] | null;
  offsetRange?: MethodOptions['offsetRange'] | null;
  /** In place of the method's codec of the forward leg. */
  forward?: LegSpec | null;
  /** In place of the method's codec of the backward leg. */
  backward?: LegSpec | null;
}

/** What a method has to know of the run. */
export interface PlanContext {
  stages: number;
  hiddenSize: number;
  /** Number format of what a method leaves uncompressed; default `bfloat16`. */
  wire?: string;
}

/**
 * What goes into the model and what packs the legs.
 *
 * @throws On a codec of a leg that is unknown, or an option that it has not; on an unknown method, with the nearest name; on a setting that the method has no use for; on a rank above the
 *     width of the model.
 */
export function methodPlan(settings: CompressionSettings, context: PlanContext): MethodPlan {
  requireOptions('methodPlan', settings, "methodPlan({method: 'mapl', rank: 64}, {stages: 4, …})");
  requireOptions('methodPlan: context', context, '{stages: 4, hiddenSize: 256}');
  const {method, rank, anchorRank, forward, backward} = settings;
  const {stages, hiddenSize, wire = 'bfloat16'} = context;
  const chosen = Object.entries({
    anchors: settings.anchors,
    projector: settings.projector,
    anchorStart: settings.anchorStart,
    offsetRange: settings.offsetRange,
  }).filter(([, value]) => value != null);
  const plan = getMethod(method).plan({
    stages,
    hiddenSize,
    rank,
    anchorRank: anchorRank ?? null,
    wire,
    options: Object.fromEntries(chosen) as MethodOptions,
  });
  for (const [key, value] of Object.entries({rank, anchorRank})) {
    const missing = value == null && key !== 'rank';
    if (plan.model != null && !missing && !(Number.isInteger(value) && value! >= 1)) {
      throw new Error(`compression.${key} is ${value}, expected a whole number of 1 or more.`);
    }
    if (plan.model != null && value != null && value > hiddenSize) {
      throw new Error(
        `compression.${key} is ${value}, more than model.hiddenSize (${hiddenSize}); ` +
          'a projection keeps at most all dimensions.',
      );
    }
  }
  const legs = {forward: forward ?? plan.forward, backward: backward ?? plan.backward};
  makeLeg(legs.forward, 'compression.forward');
  makeLeg(legs.backward, 'compression.backward');
  return {model: withCodebooks(plan.model, legs.forward), ...legs};
}

/** The model has the codebooks of a leg that quantises `z`, so that its checkpoints have them and it quantises alone too. */
function withCodebooks(model: MethodPlan['model'], forward: LegSpec): MethodPlan['model'] {
  if (model == null || model.kind === 'resbm' || forward.codec !== 'rvq') {
    return model;
  }
  const {codec: _codec, ...options} = forward;
  const {groups, rounds, codes} = sizeFor(rvqSettings(options), model.rank);
  return {...model, quantizer: {groups, rounds, codes}};
}
