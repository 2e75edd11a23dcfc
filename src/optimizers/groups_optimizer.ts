import * as tf from '@tensorflow/tfjs-core';
import {
  checkMatch,
  describeMatch,
  deserializeMatch,
  isDefault,
  matches,
  serializeMatch,
  type VariableMatch,
} from './match.js';
import {NamedOptimizer, refuseMissing, type VariableUpdate} from './named_optimizer.js';
import {checkOptions} from '../ops/check_options.js';
import {checkList, describeValue, refuseValue} from '../ops/check_values.js';
import {fromNestedConfig, nestedConfig, type NestedConfig} from '../ops/nested_config.js';
import {
  checkSchedule,
  deserializeLearningRate,
  learningRateAt,
  serializeLearningRate,
} from './schedules.js';
import type {Schedule} from './schedules.js';
import type {VariableState} from './variable_state.js';

/** Some variables and the optimizer that trains them. */
export interface OptimizerGroup {
  match: VariableMatch;
  /** One of this package's; its own `clipNorm` must be unset, and each group needs its own instance. */
  optimizer: NamedOptimizer;
}

/** Options of `train.groups`. */
export interface GroupsOptions {
  /** Multiplies the learning rate of every group: one schedule with peak 1 for all. */
  schedule?: Schedule | null;
  /** Global norm over *all* groups to clip gradients to. Default: none. */
  clipNorm?: number | null;
  /**
   * The variables that must be trained, `model.trainableWeights` for instance: each must be in exactly one group now,
   * and get a gradient at the first step.
   */
  variables?: Array<tf.Variable | {read(): tf.Tensor; name: string}>;
}

/**
 * Different optimizers for different variables, behind the one `tf.Optimizer` that `model.compile`, `minimize` and the
 * pipeline's trainer expect.
 *
 * ```js
 * const optimizer = train.groups([
 *   {match: /projector$/, optimizer: train.spel({learningRate: 0.002})},
 *   {match: '*.weight', optimizer: train.muon({learningRate: 0.02})},
 *   {match: true, optimizer: train.adamw({learningRate: 0.01})},
 * ], {clipNorm: 1});
 * ```
 *
 * Every variable must be in exactly one group: two groups that claim one is an error, except that the default group
 * (`match: true` or `'*'`, at most one) takes what no other does. A variable in no group, and one without a gradient at the
 * first step, are errors that name it. State is that of the groups' optimizers, by variable name, in one list.
 */
export class OptimizerGroups extends NamedOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'OptimizerGroups';
  }
  readonly groups: readonly OptimizerGroup[];
  private readonly expected: string[] | null;

  constructor(groups: OptimizerGroup[], options: GroupsOptions = {}) {
    const known = ['schedule', 'clipNorm', 'variables'];
    checkOptions('train.groups, options', options, '{clipNorm: 1}', known);
    const checked = checkGroups(groups);
    if (options.variables != null) {
      const expected = 'a list of variables such as model.trainableWeights';
      checkList('train.groups', 'variables', options.variables, expected);
    }
    if (options.schedule != null) checkSchedule('train.groups', options.schedule);
    super(options.schedule ?? 1, options.clipNorm);
    this.groups = checked;
    this.useState(this.state);
    this.expected = null;
    if (options.variables != null) {
      const variables = options.variables.map(asVariable);
      variables.forEach((variable) => this.groupOf(variable));
      this.check(variables.map((variable) => ({variable, gradient: variable})));
      this.expected = variables.map(({name}) => name);
    }
  }

  /**
   * The group that trains a variable.
   * @throws If none or several claim it.
   */
  groupOf(variable: tf.Variable): OptimizerGroup {
    const claims = this.groups.filter(({match}) => !isDefault(match) && matches(match, variable));
    if (claims.length > 1) {
      const list = claims.map(({match}) => describeMatch(match)).join(' and ');
      throw new Error(
        `train.groups: variable '${variable.name}' is in ${claims.length} groups, ${list}. Narrow all but one.`,
      );
    }
    const group = claims[0] ?? this.groups.find(({match}) => isDefault(match));
    if (group == null) {
      const list = this.groups.map(({match}) => describeMatch(match)).join(', ');
      throw new Error(
        `train.groups: variable '${variable.name}' [${variable.shape}] is in no group (they match ${list}). ` +
          `Add a group for it, or a last one with match: true.`,
      );
    }
    return group;
  }

  override check(updates: VariableUpdate[]): void {
    this.byGroup(updates).forEach((own, group) => group.optimizer.check(own));
    const expected = this.iterations === 0 ? (this.expected ?? []) : [];
    const names = new Set(updates.map(({variable}) => variable.name));
    const missing = expected.filter((name) => !names.has(name));
    if (missing.length > 0) refuseMissing('train.groups', missing);
  }

  override update(updates: VariableUpdate[], step: number, learningRateScale: number): void {
    const scale = learningRateScale * learningRateAt(this.learningRate, step);
    this.byGroup(updates).forEach((own, group) => group.optimizer.update(own, step, scale));
  }

  /** Groups have no arithmetic of their own; `update` hands everything to the groups' optimizers. */
  protected override updateVariable(): void {}

  override shareState(state: VariableState): void {
    super.shareState(state);
    this.useState(state);
  }

  private useState(state: VariableState): void {
    this.groups.forEach(({optimizer}) => optimizer.shareState(state));
  }

  private byGroup(updates: VariableUpdate[]): Map<OptimizerGroup, VariableUpdate[]> {
    const own = new Map<OptimizerGroup, VariableUpdate[]>();
    for (const update of updates) {
      const group = this.groupOf(update.variable);
      own.set(group, [...(own.get(group) ?? []), update]);
    }
    return own;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      groups: this.groups.map(({match, optimizer}) => ({
        match: serializeMatch(match),
        ...nestedConfig(optimizer),
      })),
      schedule: serializeLearningRate(this.learningRate),
      clipNorm: this.clipNorm,
    };
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const groups = (config.groups as tf.serialization.ConfigDict[]).map((group) => ({
      match: deserializeMatch(group.match),
      optimizer: fromNestedConfig('train.groups', 'optimizer', group as NestedConfig, 'AdamW'),
    }));
    const schedule = deserializeLearningRate(config.schedule);
    return new cls(groups, {
      schedule: typeof schedule === 'number' ? null : schedule,
      clipNorm: config.clipNorm,
    });
  }
}
tf.serialization.registerClass(OptimizerGroups);

function checkGroups(groups: OptimizerGroup[]): readonly OptimizerGroup[] {
  if (!Array.isArray(groups) || groups.length === 0) {
    throw new Error(
      `train.groups: groups is ${Array.isArray(groups) ? 'empty' : describeValue(groups)}, ` +
        `expected a list of {match, optimizer}, at least one.`,
    );
  }
  const seen = new Set<NamedOptimizer>();
  groups.forEach((group, i) => {
    const where = `train.groups: group ${i}`;
    const example = '{match: true, optimizer: train.adamw()}';
    checkOptions(where, group, example, ['match', 'optimizer']);
    checkMatch(where, group.match);
    if (!(group.optimizer instanceof NamedOptimizer)) {
      throw new Error(
        `${where}: optimizer is not one of train.*. tfjs's own optimizers key their state by position ` +
          `and cannot be told apart by variable; use train.adamw, train.muon, … instead.`,
      );
    }
    if (group.optimizer.clipNorm != null) {
      throw new Error(
        `${where}: the optimizer has clipNorm ${group.optimizer.clipNorm}. Clipping is by the norm over all groups: ` +
          `pass clipNorm to train.groups.`,
      );
    }
    if (seen.has(group.optimizer)) {
      throw new Error(`${where}: its optimizer is already in another group; give each its own.`);
    }
    seen.add(group.optimizer);
  });
  if (groups.filter(({match}) => isDefault(match)).length > 1) {
    throw new Error(`train.groups: more than one group has match: true or '*'.`);
  }
  return [...groups];
}

/** The tf.Variable behind a weight of a tfjs-layers model, or the variable itself. */
function asVariable(
  weight: tf.Variable | {read(): tf.Tensor; name: string},
  index: number,
): tf.Variable {
  const isWeight = typeof (weight as {read?: unknown} | null)?.read === 'function';
  const variable = isWeight ? (weight as {read(): tf.Tensor}).read() : weight;
  return variable instanceof tf.Variable
    ? variable
    : refuseValue('train.groups', `variables[${index}]`, weight, 'a tf.Variable or a weight');
}
