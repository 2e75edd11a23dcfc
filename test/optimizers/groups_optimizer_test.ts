import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {schedules, train, type NamedOptimizer} from '../../src/optimizers/index.js';
import {expectClose} from './helpers.js';

/** An optimizer whose first step on a scalar is its learning rate long. */
function unit(learningRate: number): NamedOptimizer {
  return train.adamw({learningRate, weightDecay: 0});
}

function scalars(...names: string[]): tf.Variable[] {
  return names.map((name) => tf.variable(tf.tensor1d([0]), true, name));
}

function ones(variables: tf.Variable[]): tf.NamedTensorMap {
  return Object.fromEntries(variables.map(({name}) => [name, tf.tensor1d([1])]));
}

describe('train.groups', () => {
  it('trains each variable with its group: by name, pattern, expression, function, default', async () => {
    const variables = scalars('w', 'deep/a', 'x.norm', 'odd', 'rest');
    const optimizer = train.groups([
      {match: 'w', optimizer: unit(1)},
      {match: 'deep/*', optimizer: unit(2)},
      {match: /norm$/g, optimizer: unit(3)},
      {match: (name, variable) => name === 'odd' && variable.rank === 1, optimizer: unit(4)},
      {match: true, optimizer: unit(5)},
    ]);
    // Twice: an expression with the flag g must not remember where it stopped.
    for (const times of [1, 2]) {
      optimizer.applyGradients(ones(variables));
      for (let i = 0; i < variables.length; i++) {
        await expectClose(variables[i], [-(i + 1) * times]);
      }
    }
    expect(optimizer.iterations).toBe(2);
    optimizer.dispose();
  });

  it('sees through the suffix that tfjs adds to a name in use', async () => {
    const optimizer = train.groups([
      {match: 'w', optimizer: unit(1)},
      {match: /bias$/, optimizer: unit(2)},
    ]);
    const variables = scalars('w_1', 'd/bias_12');
    optimizer.applyGradients(ones(variables));
    await expectClose(variables[0], [-1]);
    await expectClose(variables[1], [-2]);
    optimizer.dispose();
  });

  it('scales all groups by one schedule', async () => {
    const schedule = schedules.warmupConstant({warmupSteps: 2});
    const optimizer = train.groups(
      [
        {match: 'a', optimizer: unit(1)},
        {match: '*', optimizer: unit(10)},
      ],
      {schedule},
    );
    const [a, b] = scalars('a', 'b');
    optimizer.applyGradients(ones([a, b]));
    await expectClose(a, [-0.5]);
    await expectClose(b, [-5]);
    optimizer.applyGradients(ones([a, b]));
    await expectClose(a, [-1.5]);
    await expectClose(b, [-15]);
    optimizer.dispose();
  });

  it('clips by the norm over all groups', async () => {
    const step = {learningRate: 1, epsilon: 1, weightDecay: 0};
    const optimizer = train.groups(
      [
        {match: 'a', optimizer: train.adamw(step)},
        {match: 'b', optimizer: train.adamw(step)},
      ],
      {clipNorm: 1},
    );
    const [a, b] = scalars('a', 'b');
    optimizer.applyGradients({a: tf.tensor1d([3]), b: tf.tensor1d([4])});
    await expectClose(a, [-0.6 / 1.6]);
    await expectClose(b, [-0.8 / 1.8]);
    optimizer.dispose();
  });

  it('names variables in no group, in two, or without a gradient, and changes nothing', async () => {
    const [a] = scalars('a', 'b');
    const gradients = {a: tf.tensor1d([1]), b: tf.tensor1d([1])};
    const none = train.groups([{match: 'a', optimizer: unit(1)}]);
    expect(() => none.applyGradients(gradients)).toThrowError(
      /variable 'b' \[1\] is in no group \(they match 'a'\)/,
    );
    const two = train.groups([
      {match: 'a', optimizer: unit(1)},
      {match: /a|b/, optimizer: unit(1)},
    ]);
    expect(() => two.applyGradients(gradients)).toThrowError(
      /variable 'a' is in 2 groups, 'a' and \/a\|b\//,
    );
    const all = train.groups([{match: '*', optimizer: unit(1)}]);
    const list = [
      {name: 'a', tensor: gradients.a},
      {name: 'b', tensor: undefined as unknown as tf.Tensor},
    ];
    expect(() => all.applyGradients(list)).toThrowError(/no gradient for 'b' at the first step/);
    await expectClose(a, [0], 0);
  });

  it('checks the variables it is given: now their groups, at the first step their gradients', () => {
    const variables = scalars('a', 'b');
    const group = () => [{match: 'a', optimizer: unit(1)}];
    expect(() => train.groups(group(), {variables})).toThrowError(/'b' \[1\] is in no group/);
    const optimizer = train.groups([...group(), {match: true, optimizer: unit(1)}], {variables});
    expect(() => optimizer.applyGradients({a: tf.tensor1d([1])})).toThrowError(
      /no gradient for 'b' at the first step/,
    );
    const muon = [{match: true as const, optimizer: train.muon()}];
    expect(() => train.groups(muon, {variables})).toThrowError(/train.muon: variable 'a'/);
  });

  it('names gradients of unknown variables and of wrong shapes', () => {
    scalars('a');
    const optimizer = train.groups([{match: '*', optimizer: unit(1)}]);
    expect(() => optimizer.applyGradients({nobody: tf.tensor1d([1])})).toThrowError(
      /OptimizerGroups.applyGradients: there is no variable named 'nobody'/,
    );
    expect(() => optimizer.applyGradients({a: tf.tensor1d([1, 2])})).toThrowError(
      /gradient of 'a' has shape \[2\], the variable \[1\]/,
    );
  });

  it('refuses groups that cannot work', () => {
    const sgd = tf.train.sgd(1) as unknown as NamedOptimizer;
    const one = unit(1);
    expect(() => train.groups([])).toThrowError(/at least one/);
    expect(() => train.groups([{match: 'a', optimizer: sgd}])).toThrowError(
      /group 0: optimizer is not one of train/,
    );
    const clipped = train.adamw({clipNorm: 1});
    expect(() => train.groups([{match: 'a', optimizer: clipped}])).toThrowError(
      /group 0: the optimizer has clipNorm 1/,
    );
    expect(() =>
      train.groups([
        {match: 'a', optimizer: one},
        {match: 'b', optimizer: one},
      ]),
    ).toThrowError(/group 1: its optimizer is already in another group/);
    expect(() =>
      train.groups([
        {match: true, optimizer: one},
        {match: '*', optimizer: unit(1)},
      ]),
    ).toThrowError(/more than one group/);
    sgd.dispose();
    const match = 5 as unknown as string;
    expect(() => train.groups([{match, optimizer: one}])).toThrowError(/match is 5, expected/);
  });

  it('trains a tfjs-layers model under fit', async () => {
    const model = tfl.sequential({
      layers: [
        tfl.layers.dense({units: 8, activation: 'tanh', inputShape: [2], name: 'hidden'}),
        tfl.layers.dense({units: 1, name: 'output'}),
      ],
    });
    const optimizer = train.groups(
      [
        {match: 'hidden/kernel', optimizer: train.muon({learningRate: 0.1})},
        {match: true, optimizer: train.adamw({learningRate: 0.1})},
      ],
      {clipNorm: 1, variables: model.trainableWeights},
    );
    model.compile({optimizer, loss: 'meanSquaredError'});
    const x = tf.tensor2d([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    const y = tf.tensor2d([[0], [1], [1], [0]]);
    const options = {epochs: 2, verbose: 0, shuffle: false};
    const {history} = await model.fit(x, y, options);
    const before = tf.memory().numTensors;
    const epochs = tf.getBackend() === 'webgpu' ? 20 : 60;
    const later = await model.fit(x, y, {...options, epochs});
    expect(tf.memory().numTensors).toBe(before);
    const last = later.history.loss[epochs - 1] as number;
    expect(last).toBeLessThan((history.loss[0] as number) * 0.5);
    expect(optimizer.iterations).toBe(2 + epochs);
    model.dispose();
    optimizer.dispose();
  });
});
