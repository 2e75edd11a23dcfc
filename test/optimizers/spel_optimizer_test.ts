import * as tf from '@tensorflow/tfjs-core';
import {randomStiefel} from '../../src/manifolds/index.js';
import {newtonSchulzSteps} from '../../src/optimizers/near_stiefel.js';
import {train} from '../../src/optimizers/index.js';
import golden from '../fixtures/mapl.json' with {type: 'json'};
import {
  combine,
  largest,
  multiply,
  orthogonalityError,
  polar,
  project,
  read,
  spectralNorm,
  toMatrix,
  transpose,
} from '../manifolds/dense.js';
import {expectClose, gaussian} from './helpers.js';

function projector(d: number, r: number, seed: number, name = 'b/projector'): tf.Variable {
  return tf.variable(tf.tensor2d(randomStiefel(d, r, seed), [d, r]), true, name);
}

describe('train.spel', () => {
  it('follows the fixture within 1e-5 at each step', async () => {
    const {A0, learningRate, momentum, gradients, A} = golden.spel;
    const optimizer = train.spel({learningRate, momentum});
    const a = tf.variable(tf.tensor2d(A0), true, 'a');
    expect(gradients.length).toBe(6);
    for (let step = 0; step < gradients.length; step++) {
      optimizer.applyGradients({a: tf.tensor2d(gradients[step])});
      await expectClose(a, A[step].flat(), 1e-5);
    }
    optimizer.dispose();
  });

  it('takes one written-out step: a turn by arctan α towards the horizontal gradient', async () => {
    // A = e1, g = (3, 0, −5): gR = g − A sym(Aᵀg) = (0, 0, −5), d = polar(m) = (0, 0, −1),
    // A − 0.75 d = (1, 0, 0.75), divided by √(1 + 0.75²) = 1.25: (0.8, 0, 0.6).
    const optimizer = train.spel({learningRate: 0.75});
    const a = tf.variable(tf.tensor2d([[1], [0], [0]]), true, 'a');
    optimizer.applyGradients({a: tf.tensor2d([[3], [0], [-5]])});
    await expectClose(a, [0.8, 0, 0.6], 5e-6);
    optimizer.dispose();
  });

  it('projects first, averages, projects again, as in float64', async () => {
    const [d, r, beta, alpha] = [9, 4, 0.6, 0.05];
    const optimizer = train.spel({learningRate: alpha, momentum: beta});
    const a = projector(d, r, 2);
    let point = toMatrix(randomStiefel(d, r, 2), d, r);
    let m = toMatrix(new Float64Array(d * r), d, r);
    for (let step = 0; step < 4; step++) {
      const gradient = gaussian([d, r], 50 + step);
      const tangent = project(point, await read(gradient));
      m = project(point, combine(beta, m, 1 - beta, tangent));
      point = polar(combine(1, point, -alpha, polar(m)));
      optimizer.applyGradients({'b/projector': gradient});
    }
    expect(largest(combine(1, await read(a), -1, point))).toBeLessThan(1e-5);
    optimizer.dispose();
  });

  it('keeps a horizontal gradient horizontal: Aᵀm = 0, and A moves to (A − αd)/√(1 + α²)', async () => {
    const [d, r, alpha] = [16, 4, 0.1];
    const optimizer = train.spel({learningRate: alpha, momentum: 0});
    const a = projector(d, r, 3);
    const before = await read(a);
    const ambient = await read(gaussian([d, r], 60));
    // g − A Aᵀ g: what a projector gets when both halves of its gradient are summed, up to a symmetric AᵀG.
    const g = combine(1, ambient, -1, multiply(before, multiply(transpose(before), ambient)));
    optimizer.applyGradients({'b/projector': tf.tensor2d(g)});
    const weights = await optimizer.getWeights();
    expect(weights.map(({name}) => name)).toEqual(['iter', 'b/projector/momentum']);
    const m = await read(weights[1].tensor);
    weights[0].tensor.dispose();
    expect(largest(multiply(transpose(before), m))).toBeLessThan(1e-5);
    const direction = polar(m);
    const root = Math.sqrt(1 + alpha * alpha);
    const expected = combine(1 / root, before, -alpha / root, direction);
    expect(largest(combine(1, await read(a), -1, expected))).toBeLessThan(1e-5);
    optimizer.dispose();
  });

  it('stays on the manifold: ‖AᵀA − I‖₂ < 1e-5 after many steps at several step sizes', async () => {
    // 10,000 where a step takes a fraction of a millisecond; fewer in plain JavaScript and on software WebGPU.
    const isFast = ['tensorflow', 'wasm'].includes(tf.getBackend());
    const steps = isFast ? 10_000 : tf.getBackend() === 'cpu' ? 1000 : 30;
    const [d, r] = [8, 3];
    const optimizer = train.spel({learningRate: 0.02});
    const a = projector(d, r, 4);
    const gradients = [0, 1, 2, 3, 4].map((seed) => gaussian([d, r], 70 + seed));
    for (let step = 0; step < steps; step++) {
      optimizer.learningRate = [0.002, 0.02, 0.2][step % 3];
      optimizer.applyGradients({'b/projector': gradients[(step * step) % 5]});
    }
    expect(spectralNorm(orthogonalityError(await read(a)))).toBeLessThan(1e-5);
    expect(optimizer.iterations).toBe(steps);
    optimizer.dispose();
  });

  it('brings a variable that is off the manifold onto it', async () => {
    const optimizer = train.spel({learningRate: 0.002});
    const values = await gaussian([6, 2], 80).data();
    const a = tf.variable(tf.tensor2d(values as Float32Array, [6, 2]), true, 'a');
    optimizer.applyGradients({a: gaussian([6, 2], 81)});
    expect(spectralNorm(orthogonalityError(await read(a)))).toBeLessThan(1e-5);
    optimizer.dispose();
  });

  it('takes large steps too', async () => {
    const optimizer = train.spel({learningRate: 2});
    const a = projector(6, 2, 5);
    optimizer.applyGradients({'b/projector': gaussian([6, 2], 82)});
    expect(spectralNorm(orthogonalityError(await read(a)))).toBeLessThan(1e-5);
    optimizer.dispose();
  });

  it('does not move without a gradient or without a learning rate', async () => {
    const a = projector(6, 2, 6);
    const before = await a.data();
    for (const learningRate of [0, 0.1]) {
      const optimizer = train.spel({learningRate});
      optimizer.applyGradients({'b/projector': tf.mul(gaussian([6, 2], 83), learningRate ? 0 : 1)});
      await expectClose(a, before, 2e-6);
      optimizer.dispose();
    }
  });

  it('needs no more steps than float32 does', () => {
    // From 1 ± α an error e becomes 2.5 e³: 0.004 → 1.6e-7; 0.02 → 2e-5 → 2e-14.
    expect([0, 0.002, 0.004, 0.02, 0.2].map(newtonSchulzSteps)).toEqual([1, 1, 1, 2, 3]);
    expect(newtonSchulzSteps(0.5)).toBeUndefined();
  });

  it('names a variable that cannot be orthonormal', () => {
    tf.variable(tf.zeros([2, 3]), true, 'wide');
    tf.variable(tf.zeros([4]), true, 'flat');
    const optimizer = train.spel();
    expect(() => optimizer.applyGradients({wide: tf.zeros([2, 3])})).toThrowError(
      /train.spel: variable 'wide' \[2,3\].*1 ≤ r ≤ d/,
    );
    expect(() => optimizer.applyGradients({flat: tf.zeros([4])})).toThrowError(/'flat' \[4\]/);
    expect(optimizer.iterations).toBe(0);
  });
});
