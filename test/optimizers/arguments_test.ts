/** Optimizers, schedules and clipping called with what they cannot work with. */
import * as tf from '@tensorflow/tfjs-core';
import {
  clipByGlobalNorm,
  clipFactor,
  globalNorm,
  maplRole,
  OptimizerGroups,
  scheduleFromConfig,
  schedules,
  sumOfSquares,
  train,
} from '../../src/optimizers/index.js';
import {construct, itRefuses, untyped, type Refusal} from '../support/refusals.js';

type Maker = Exclude<keyof typeof train, 'groups'>;

/** Values that an option cannot have, and what the error expects in their place. */
const BETA: [unknown[], string] = [['x', NaN, -1, 1, {}], 'a number in \\[0, 1\\)'];
const REAL: [unknown[], string] = [['x', NaN, -1, {}], 'a number of at least 0'];
const RATE: [unknown[], string] = [
  ['0.1', NaN, -1, {}, []],
  'a number of at least 0 or a schedule',
];
const CLIP: [unknown[], string] = [['x', NaN, -1, 0], 'a number above 0'];
const SWITCH: [unknown[], string] = [['no', 0, {}], 'true or false'];
const MATCH: [unknown[], string] = [[5, '', {}], 'a name with \\* for anything'];

const OPTIONS: Record<Maker, Record<string, [unknown[], string]>> = {
  adamw: {learningRate: RATE, beta1: BETA, beta2: BETA, epsilon: REAL, weightDecay: REAL},
  spel: {learningRate: RATE, momentum: BETA},
  muon: {learningRate: RATE, momentum: BETA, nesterov: SWITCH, weightDecay: REAL},
  mapl: {
    learningRate: RATE,
    adamLearningRate: RATE,
    embeddingLearningRate: RATE,
    anchorLearningRate: RATE,
    projectorLearningRate: RATE,
    schedule: [[5, 'x', {}, []], 'a schedule, for instance'],
    momentum: BETA,
    projectorMomentum: BETA,
    beta1: BETA,
    beta2: BETA,
    epsilon: REAL,
    weightDecay: REAL,
    adamWeightDecay: REAL,
    steps: [['x', NaN, 0, 1.5], 'a whole number of at least 1'],
    hidden: MATCH,
    adam: MATCH,
    projectors: MATCH,
    variables: [[5, 'x', {}], 'a list of variables'],
  },
  riemannianSgd: {
    learningRate: RATE,
    momentum: BETA,
    nesterov: SWITCH,
    manifold: [[5, 'x', null, {}], 'a manifold such as stiefel'],
    retraction: [[5, 'x', null, {}], 'one of polar, qr, cayley'],
    stabilize: [['x', NaN, -1, 1.5], 'a whole number of at least 0'],
  },
  riemannianAdam: {
    learningRate: RATE,
    beta1: BETA,
    beta2: BETA,
    epsilon: REAL,
    manifold: [[5, 'x', null, {}], 'a manifold such as stiefel'],
  },
};

const print = (value: unknown) =>
  value === undefined || Number.isNaN(value) ? String(value) : JSON.stringify(value);

for (const [name, options] of Object.entries(OPTIONS)) {
  const make = untyped(train[name as Maker]);
  describe(`Arguments of train.${name}`, () => {
    itRefuses([
      ...[null, NaN, 'x', [], 5].map((value): Refusal => [
        `train.${name}(${print(value)})`,
        () => make(value),
        new RegExp(`^train.${name}: the argument is .*, expected an object, for instance train`),
      ]),
      [
        'an unknown key',
        () => make({learningRate: 0.1, unknownKey: 1}),
        new RegExp(
          `^train.${name}: unknown key 'unknownKey', did you mean '.*'\\? Known are learningRate`,
        ),
      ],
      ...Object.entries({...options, clipNorm: CLIP}).flatMap(([key, [values, expected]]) =>
        values.map((value): Refusal => [
          `${key}: ${print(value)}`,
          () => make({learningRate: 0.1, [key]: value}),
          new RegExp(`${key}(: match)? is .*${expected}`),
        ]),
      ),
    ]);
  });
}

describe('Arguments of train.groups', () => {
  const groups = untyped(train.groups);
  const adamw = () => [{match: true, optimizer: train.adamw()}];
  itRefuses([
    ['train.groups()', () => groups(), /^train.groups: groups is missing, expected a list/],
    ['train.groups(null)', () => groups(null), /^train.groups: groups is null, expected a list/],
    ['train.groups([])', () => groups([]), /^train.groups: groups is empty, expected a list/],
    ['a group that is null', () => groups([null]), /group 0: the argument is null, expected an/],
    ['a group of a text', () => groups(['x']), /group 0: the argument is 'x', expected/],
    ['a group without match', () => groups([{}]), /group 0: match is undefined, expected a name/],
    ['a group without optimizer', () => groups([{match: true}]), /optimizer is not one of train/],
    ['null as options', () => groups(adamw(), null), /groups, options: the argument is null/],
    ['a schedule that is a number', () => groups(adamw(), {schedule: 5}), /schedule is 5, expect/],
    ['variables null in a list', () => groups(adamw(), {variables: [null]}), /variables\[0\] is n/],
    ['variables that are none', () => groups(adamw(), {variables: [{}]}), /variables\[0\] is an o/],
    [
      'new OptimizerGroups()',
      () => construct(OptimizerGroups)(),
      /train.groups: groups is missing/,
    ],
    [
      'a config whose optimizer nobody knows',
      () => OptimizerGroups.fromConfig(OptimizerGroups, {groups: [{match: '*', className: 'x'}]}),
      /className of the optimizer is 'x', expected the name of a registered class such as 'AdamW'/,
    ],
  ]);
});

describe('Arguments of schedules and clipping', () => {
  const decay = /argument is (missing|null), expected an object, for instance schedules/;
  itRefuses([
    ['warmupConstant()', () => untyped(schedules.warmupConstant)(), decay],
    ['warmupCosine(null)', () => untyped(schedules.warmupCosine)(null), decay],
    ['warmupLinear()', () => untyped(schedules.warmupLinear)(), decay],
    ['constant(NaN)', () => schedules.constant(NaN), /value is NaN, expected a number/],
    ['scaled()', () => untyped(schedules.scaled)(), /scaled: base is missing, expected a schedule/],
    ['scaled(0.1, 2)', () => untyped(schedules.scaled)(0.1, 2), /base is 0.1, expected a schedule/],
    ['at()', () => untyped(schedules.constant(1).at)(), /step is missing, expected a whole number/],
    ['scheduleFromConfig()', () => untyped(scheduleFromConfig)(), /argument is missing, expected/],
    ['an unknown schedule', () => scheduleFromConfig({schedule: 'x'}), /unknown schedule 'x'/],
    ['scaled of nothing', () => scheduleFromConfig({schedule: 'scaled'}), /argument is missing/],
    ['maplRole()', () => untyped(maplRole)(), /maplRole: name is missing, expected/],
    ['maplRole of a name', () => untyped(maplRole)('w'), /maplRole: variable is missing, expected/],
    ['clipFactor()', () => untyped(clipFactor)(), /clipFactor: clipNorm is missing, expected/],
    ['clipFactor(1)', () => untyped(clipFactor)(1), /globalNorm is undefined, expected a finite/],
    ['clipByGlobalNorm({})', () => untyped(clipByGlobalNorm)({}), /clipNorm is missing, expec/],
    ['clipping nothing', () => untyped(clipByGlobalNorm)(null, 1), /gradients is null, expected/],
    // Bundlers rename functions.
    ...Object.entries({globalNorm, sumOfSquares}).flatMap(([name, f]): Refusal[] => [
      [`${name}()`, () => untyped(f)(), new RegExp(`^${name}: gradients is missing, expected`)],
      [`${name}(NaN)`, () => untyped(f)(NaN), /gradients is NaN, expected gradients by name/],
      [`${name}({w: 5})`, () => untyped(f)({w: 5}), /the gradient of 'w' is 5, expected a tensor/],
      [`${name}([null])`, () => untyped(f)([null]), /gradients\[0\] is null, expected \{name/],
    ]),
  ]);

  it('leave a gradient that is absent absent, by name and in a list', async () => {
    const gradients = {w: tf.tensor1d([3, 4]), unused: null as unknown as tf.Tensor};
    const clipped = clipByGlobalNorm(gradients, 1);
    expect(clipped.unused).toBeNull();
    const [first] = await clipped.w.data();
    expect(first).toBeCloseTo(0.6, 5);
  });
});

describe('Arguments of an optimizer that runs', () => {
  const optimizer = train.adamw();
  const apply = (...args: unknown[]) => untyped(optimizer.applyGradients.bind(optimizer))(...args);
  const load = (...args: unknown[]) => untyped(optimizer.setWeights.bind(optimizer))(...args);
  itRefuses([
    ['applyGradients()', () => apply(), /AdamW.applyGradients: gradients is missing, expected/],
    ['applyGradients(5)', () => apply(5), /gradients is 5, expected gradients by name/],
    ['applyGradients({w: 5})', () => apply({w: 5}), /the gradient of 'w' is 5, expected a tensor/],
    ['null as its options', () => apply({}, null), /applyGradients: the argument is null/],
    ['setWeights()', () => load(), /AdamW.setWeights: weights is missing, expected a list/],
    ['setWeights([null])', () => load([null]), /name of weights\[0\] is missing, expected a text/],
    ['setWeights without tensors', () => load([{name: 'iter'}]), /weights\[0\] is missing, expec/],
    [
      'setIterations()',
      () => untyped(optimizer.setIterations.bind(optimizer))(),
      /iterations is missing, expected a whole number/,
    ],
  ]);
});
