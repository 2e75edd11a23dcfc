import * as tf from '@tensorflow/tfjs-core';
import {schedules, train} from '../../src/optimizers/index.js';
import {expectClose} from './helpers.js';

describe('train.adamw', () => {
  it('takes two steps as torch.optim.AdamW', async () => {
    const optimizer = train.adamw({learningRate: 0.1, beta1: 0.8, beta2: 0.9, weightDecay: 0.5});
    const w = tf.variable(tf.tensor1d([1, -2]), true, 'w');
    optimizer.applyGradients({w: tf.tensor1d([0.5, 4])});
    // decay: w (1 − 0.1·0.5) = [0.95, −1.9]
    // m = 0.2 g = [0.1, 0.8], m̂ = m / (1 − 0.8) = [0.5, 4]
    // v = 0.1 g² = [0.025, 1.6], v̂ = v / (1 − 0.9) = [0.25, 16], √v̂ = [0.5, 4]
    // w = [0.95 − 0.1, −1.9 − 0.1] = [0.85, −2]
    await expectClose(w, [0.85, -2]);
    optimizer.applyGradients({w: tf.tensor1d([-1, 2])});
    // decay: [0.8075, −1.9]
    // m = 0.8·[0.1, 0.8] + 0.2·[−1, 2] = [−0.12, 1.04], m̂ = m / 0.36 = [−1/3, 2.888889]
    // v = 0.9·[0.025, 1.6] + 0.1·[1, 4] = [0.1225, 1.84], v̂ = v / 0.19 = [0.644737, 9.684211], √v̂ = [0.802955, 3.111947]
    // w = [0.8075 + 0.1·0.415133, −1.9 − 0.1·0.928322] = [0.849013, −1.992832]
    await expectClose(w, [0.849013, -1.992832]);
    optimizer.dispose();
  });

  it('adds epsilon to the corrected root', async () => {
    const optimizer = train.adamw({learningRate: 1, epsilon: 1, weightDecay: 0});
    const w = tf.variable(tf.tensor1d([0]), true, 'w');
    optimizer.applyGradients({w: tf.tensor1d([3])});
    // m̂ = 3, √v̂ = 3: 3 / (3 + 1)
    await expectClose(w, [-0.75]);
    optimizer.dispose();
  });

  it('has the defaults of torch: 0.001, 0.9, 0.999, 1e-8, 0.01', async () => {
    const optimizer = train.adamw();
    const w = tf.variable(tf.tensor1d([2]), true, 'w');
    optimizer.applyGradients({w: tf.tensor1d([5])});
    // 2 (1 − 0.001·0.01) − 0.001
    await expectClose(w, [1.99898]);
    const {beta1, beta2, epsilon, weightDecay} = optimizer;
    expect([beta1, beta2, epsilon, weightDecay]).toEqual([0.9, 0.999, 1e-8, 0.01]);
    optimizer.dispose();
  });

  it('follows a schedule', async () => {
    const learningRate = schedules.warmupConstant({peak: 0.4, warmupSteps: 2});
    const optimizer = train.adamw({learningRate, weightDecay: 0});
    const w = tf.variable(tf.tensor1d([1]), true, 'w');
    expect(optimizer.currentLearningRate).toBe(0.2);
    optimizer.applyGradients({w: tf.tensor1d([7])});
    // A first step is one learning rate long: 0.2.
    await expectClose(w, [0.8]);
    expect(optimizer.currentLearningRate).toBe(0.4);
    optimizer.applyGradients({w: tf.tensor1d([7])});
    // So is a second with the same gradient.
    await expectClose(w, [0.4]);
    optimizer.dispose();
  });

  it('learns under minimize, without leaking', async () => {
    const optimizer = train.adamw({learningRate: 0.1, weightDecay: 0});
    const w = tf.variable(tf.tensor1d([1, -1]), true, 'w');
    const loss = () => tf.sum(tf.square(w)) as tf.Scalar;
    const first = optimizer.minimize(loss, true)!;
    expect((await first.data())[0]).toBe(2);
    first.dispose();
    const before = tf.memory().numTensors;
    for (let i = 0; i < 10; i++) {
      optimizer.minimize(loss, false, [w]);
    }
    expect(tf.memory().numTensors).toBe(before);
    // Constant direction: eleven steps of 0.1 reach 0 within the momentum's overshoot.
    expect(Math.max(...(await w.data()).map(Math.abs))).toBeLessThan(0.2);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before - 2);
  });

  it('refuses options out of range and unknown ones', () => {
    expect(() => train.adamw({beta1: 1})).toThrowError(/train.adamw: beta1 is 1.*\[0, 1\)/);
    expect(() => train.adamw({epsilon: -1})).toThrowError(/epsilon is -1/);
    expect(() => train.adamw({learningRate: NaN})).toThrowError(/learningRate is NaN/);
    expect(() => train.adamw({clipNorm: 0})).toThrowError(/clipNorm is 0/);
    const misspelt = {weight_decay: 0.1} as object;
    expect(() => train.adamw(misspelt)).toThrowError(
      /unknown key 'weight_decay', did you mean 'weightDecay'/,
    );
  });
});
