import * as tf from '@tensorflow/tfjs-core';
import {checkOptions} from '../ops/check_options.js';
import {checkInteger, checkNumber} from '../ops/check_values.js';
import {AdamWOptimizer} from './adamw_optimizer.js';
import {OptimizerGroups, type GroupsOptions} from './groups_optimizer.js';
import {
  checkMatch,
  deserializeMatch,
  matches,
  serializeMatch,
  type VariableMatch,
} from './match.js';
import {maplRole, type MaplRole} from './mapl_role.js';
import {MuonOptimizer} from './muon_optimizer.js';
import {savedOptions} from './saved_options.js';
import {
  checkLearningRate,
  deserializeLearningRate,
  scaled,
  serializeLearningRate,
  type LearningRate,
  type Schedule,
} from './schedules.js';
import {SpelOptimizer} from './spel_optimizer.js';

/** Options of `train.mapl`. */
export interface MaplOptions {
  /** Of the hidden matrices (Muon). Default 0.02 (published for 150M and 500M; 0.01 for 1B). */
  learningRate?: LearningRate;
  /** Of all that AdamW trains. Default half of `learningRate` (published). */
  adamLearningRate?: LearningRate;
  /** Of the token embedding (AdamW). Default `adamLearningRate` (published: one group). */
  embeddingLearningRate?: LearningRate;
  /** Of the anchor tables (AdamW). Default `adamLearningRate` (published: one group); several times that is better in short runs. */
  anchorLearningRate?: LearningRate;
  /** Of the projectors (SPEL). Default a tenth of `learningRate` (published). */
  projectorLearningRate?: LearningRate;
  /** Multiplies all of them. Default: none. The paper's schedule is not known; the study's is `schedules.warmupLinear`. */
  schedule?: Schedule | null;
  /** Momentum of Muon, default 0.95 (inferred). */
  momentum?: number;
  /** Momentum of SPEL, default 0.95 (inferred). */
  projectorMomentum?: number;
  /** Of AdamW, default 0.9 (inferred). */
  beta1?: number;
  /** Of AdamW, default 0.95 (inferred: usual for language models). */
  beta2?: number;
  /** Of AdamW, default 1e-8. */
  epsilon?: number;
  /** Of the hidden matrices, default 0 (inferred: none is reported). */
  weightDecay?: number;
  /** Of AdamW, default 0 (inferred: none is reported). */
  adamWeightDecay?: number;
  /** Polar Express steps of Muon, default 5. */
  steps?: number;
  /** Global norm over all variables (and, through `ApplyOptions`, all stages). Default: none. */
  clipNorm?: number | null;
  /** The variables that must be trained, as in `train.groups`. Not saved. */
  variables?: GroupsOptions['variables'];
  /** Variables to train with Muon whatever the rule below says. */
  hidden?: VariableMatch | null;
  /** Variables to train with AdamW whatever the rule below says. */
  adam?: VariableMatch | null;
  /** Variables to train with SPEL whatever the rule below says. */
  projectors?: VariableMatch | null;
}

const DEFAULTS = {
  momentum: 0.95,
  projectorMomentum: 0.95,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0,
  adamWeightDecay: 0,
  steps: 5,
};

const OVERRIDES = ['projectors', 'hidden', 'adam'] as const;

const RATES = [
  'learningRate',
  'adamLearningRate',
  'embeddingLearningRate',
  'anchorLearningRate',
  'projectorLearningRate',
] as const;

/** Options that are a number or a schedule. */
const SCHEDULED = [...RATES, 'schedule'] as const;

/**
 * The recipe of the MAPL paper (arXiv 2606.05484) as one optimizer: Muon for hidden matrices, AdamW for embeddings,
 * output head, norms, biases and anchor tables at half the rate, SPEL for projectors at a tenth (published; the rest of
 * the settings is inferred, see each option and method.md sections 8 and 12). Projectors of boundaries that are not
 * `constrained` get Muon at the projectors' rate and momentum (the paper's control; that rate inferred). Which variable is what: `maplRole`,
 * overridable by `hidden`, `adam`, `projectors`.
 *
 * ```js
 * model.compile({optimizer: train.mapl({learningRate: 0.02, clipNorm: 1}), loss: …});
 * ```
 */
export class MaplOptimizer extends OptimizerGroups {
  /** @nocollapse */
  static override get className(): string {
    return 'Mapl';
  }
  private readonly options: MaplOptions;

  constructor(options: MaplOptions = {}) {
    checkOptions('train.mapl', options, 'train.mapl({learningRate: 0.02})', [
      ...RATES,
      'schedule',
      'clipNorm',
      'variables',
      ...Object.keys(DEFAULTS),
      ...OVERRIDES,
    ]);
    const settings = {...DEFAULTS, ...withoutUndefined(options)};
    checkSettings(settings);
    const learningRate = settings.learningRate ?? 0.02;
    const adamLearningRate = settings.adamLearningRate ?? times(learningRate, 0.5);
    const projectorLearningRate = settings.projectorLearningRate ?? times(learningRate, 0.1);
    const role = roleFunction(settings);
    const isA = (one: MaplRole) => (name: string, variable: tf.Variable) =>
      role(name, variable) === one;
    const adamw = (rate: LearningRate) =>
      new AdamWOptimizer({
        learningRate: rate,
        beta1: settings.beta1,
        beta2: settings.beta2,
        epsilon: settings.epsilon,
        weightDecay: settings.adamWeightDecay,
      });
    super(
      [
        {
          match: isA('projector'),
          optimizer: new SpelOptimizer({
            learningRate: projectorLearningRate,
            momentum: settings.projectorMomentum,
          }),
        },
        {
          match: isA('hidden'),
          optimizer: new MuonOptimizer({
            learningRate,
            momentum: settings.momentum,
            weightDecay: settings.weightDecay,
            steps: settings.steps,
          }),
        },
        {
          match: isA('embedding'),
          optimizer: adamw(settings.embeddingLearningRate ?? adamLearningRate),
        },
        {
          match: isA('anchors'),
          optimizer: adamw(settings.anchorLearningRate ?? adamLearningRate),
        },
        {match: true, optimizer: adamw(adamLearningRate)},
        {
          match: isA('unconstrained'),
          optimizer: new MuonOptimizer({
            learningRate: projectorLearningRate,
            momentum: settings.projectorMomentum,
            steps: settings.steps,
          }),
        },
      ],
      {schedule: settings.schedule, clipNorm: settings.clipNorm, variables: settings.variables},
    );
    const {variables: _, ...saved} = settings;
    this.options = {...saved, learningRate};
  }

  override getConfig(): tf.serialization.ConfigDict {
    const config: tf.serialization.ConfigDict = {};
    for (const [key, value] of Object.entries(this.options)) {
      if (isOneOf(OVERRIDES, key) && value != null) {
        config[key] = serializeMatch(value as VariableMatch);
      } else if (isOneOf(SCHEDULED, key)) {
        if (value != null) config[key] = serializeLearningRate(value as LearningRate);
      } else {
        config[key] = value as number | null;
      }
    }
    return config;
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const options: Record<string, unknown> = savedOptions(config);
    for (const key of SCHEDULED) {
      if (config[key] != null) {
        options[key] = deserializeLearningRate(config[key]);
      }
    }
    for (const key of OVERRIDES) {
      if (config[key] != null) {
        options[key] = deserializeMatch(config[key]);
      }
    }
    return new cls(options);
  }
}
tf.serialization.registerClass(MaplOptimizer);

function isOneOf(keys: readonly string[], key: string): boolean {
  return keys.includes(key);
}

/** Roles with the overrides in front, which must not contradict each other. */
function roleFunction(options: MaplOptions): (name: string, variable: tf.Variable) => MaplRole {
  const overrides = OVERRIDES.flatMap((option) => {
    const match = options[option];
    if (match == null) {
      return [];
    }
    checkMatch(`train.mapl, ${option}`, match);
    const role: MaplRole = option === 'projectors' ? 'projector' : option;
    return [{option, match, role}];
  });
  return (name, variable) => {
    const claims = overrides.filter(({match}) => matches(match, variable));
    if (claims.length > 1) {
      throw new Error(
        `train.mapl: variable '${variable.name}' is in both ${claims.map(({option}) => option).join(' and ')}.`,
      );
    }
    return claims[0]?.role ?? maplRole(name, variable);
  };
}

/** Here and not in the optimizers below, so that errors name the options of `train.mapl`. */
function checkSettings(settings: MaplOptions & typeof DEFAULTS): void {
  const where = 'train.mapl';
  for (const name of RATES) {
    if (settings[name] != null) checkLearningRate(where, name, settings[name]);
  }
  for (const name of ['momentum', 'projectorMomentum', 'beta1', 'beta2'] as const) {
    checkNumber(where, name, settings[name], 0, 1);
  }
  for (const name of ['epsilon', 'weightDecay', 'adamWeightDecay'] as const) {
    checkNumber(where, name, settings[name]);
  }
  checkInteger(where, 'steps', settings.steps, 1);
}

function times(learningRate: LearningRate, factor: number): LearningRate {
  return typeof learningRate === 'number' ? learningRate * factor : scaled(learningRate, factor);
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}
