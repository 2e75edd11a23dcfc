import * as tf from '@tensorflow/tfjs-core';
import {randomStiefel, stiefel, type StiefelRetraction} from '../../src/manifolds/index.js';
import {train, type NamedOptimizer} from '../../src/optimizers/index.js';
import {combine, largest, multiply, read, toMatrix, transpose} from '../manifolds/dense.js';
import {expectClose} from './helpers.js';

const [D, R] = [8, 3];

/** A covariance with eigenvalues 8 … 1 in random directions, and its three leading directions. */
function covariance(): {matrix: tf.Tensor2D; leading: number[][]} {
  const q = toMatrix(randomStiefel(D, D, 21), D, D);
  const scaled = q.map((row) => row.map((value, j) => value * (D - j)));
  return {
    matrix: tf.tensor2d(multiply(scaled, transpose(q))),
    leading: q.map((row) => row.slice(0, R)),
  };
}

async function pca(optimizer: NamedOptimizer, steps: number): Promise<number> {
  const {matrix, leading} = covariance();
  const x = tf.variable(tf.tensor2d(randomStiefel(D, R, 22), [D, R]), true, 'x');
  for (let step = 0; step < steps; step++) {
    optimizer.minimize(() => tf.neg(tf.sum(tf.mul(x, tf.matMul(matrix, x)))) as tf.Scalar);
  }
  expect((await stiefel.checkPoint(x)).reason).toBeUndefined();
  const X = await read(x);
  const Q = leading;
  optimizer.dispose();
  x.dispose();
  // Distance of the two subspaces: x xᵀ − q qᵀ.
  const span = multiply(X, transpose(X));
  return largest(combine(1, span, -1, multiply(Q, transpose(Q))));
}

describe('riemannian optimizers', () => {
  const learningRate = 0.05;
  const retractions: StiefelRetraction[] = ['polar', 'qr', 'cayley'];

  it('find the principal subspace', async () => {
    // Software WebGPU runs some thousand small ops a second; the others show the same with more steps.
    const isSlow = tf.getBackend() === 'webgpu';
    const steps = isSlow ? 12 : 60;
    const tolerance = isSlow ? 0.4 : 0.02;
    expect(await pca(train.riemannianSgd({learningRate}), steps)).toBeLessThan(tolerance);
    for (const retraction of isSlow ? [] : retractions) {
      const momentum = {learningRate: 0.03, momentum: 0.5, retraction, stabilize: 20};
      expect(await pca(train.riemannianSgd(momentum), steps)).toBeLessThan(tolerance);
      const adam = {learningRate: 0.2, beta2: 0.9, retraction, stabilize: 20};
      expect(await pca(train.riemannianAdam(adam), 2 * steps)).toBeLessThan(0.05);
    }
  });

  it('riemannianSgd takes the written-out steps of momentum on a circle', async () => {
    // x = e1, g = (5, −2): gR = (0, −2), m = gR, x − 0.25 m = (1, 0.5), divided by √1.25.
    const x = tf.variable(tf.tensor2d([[1], [0]]), true, 'x');
    const optimizer = train.riemannianSgd({learningRate: 0.25, momentum: 0.5});
    optimizer.applyGradients({x: tf.tensor2d([[5], [-2]])});
    const [c, s] = [1 / Math.sqrt(1.25), 0.5 / Math.sqrt(1.25)];
    await expectClose(x, [c, s], 5e-6);
    // m carried to the new point: m − x xᵀm with m = (0, −2): xᵀm = −2s, so (2cs, −2 + 2s²) = (2cs, −2c²).
    const weights = await optimizer.getWeights();
    await expectClose(weights[1].tensor, [2 * c * s, -2 * c * c], 1e-5);
    weights[0].tensor.dispose();
    // No gradient: m halves, x − 0.25·0.5 m = x + 0.25 c (−s, c), which has length √(1 + c²/16).
    optimizer.applyGradients({x: tf.zeros([2, 1])});
    const length = Math.sqrt(1 + (c * c) / 16);
    await expectClose(x, [(c - (c * s) / 4) / length, (s + (c * c) / 4) / length], 1e-5);
    optimizer.dispose();
  });

  it('riemannianAdam takes a first step of one learning rate in the Riemannian metric', async () => {
    // gR = (0, −2), ⟨gR, gR⟩ = 4: m̂ / √v̂ = (0, −1), x = (1, 0.75) / 1.25.
    const x = tf.variable(tf.tensor2d([[1], [0]]), true, 'x');
    const optimizer = train.riemannianAdam({learningRate: 0.75});
    optimizer.applyGradients({x: tf.tensor2d([[5], [-2]])});
    await expectClose(x, [0.8, 0.6], 5e-6);
    const weights = await optimizer.getWeights();
    expect(weights.map(({name}) => name)).toEqual(['iter', 'x/m', 'x/v']);
    expect(weights[2].tensor.shape).toEqual([1, 1]);
    // v = 0.001·4
    await expectClose(weights[2].tensor, [0.004], 1e-8);
    weights[0].tensor.dispose();
    optimizer.dispose();
  });

  it('say what is wrong', () => {
    tf.variable(tf.zeros([2, 3]), true, 'wide');
    for (const make of [train.riemannianSgd, train.riemannianAdam]) {
      const optimizer = make({learningRate});
      expect(() => optimizer.applyGradients({wide: tf.zeros([2, 3])})).toThrowError(
        /'wide' cannot be a point of stiefel/,
      );
      const options = {learningRate, manifold: {} as typeof stiefel};
      expect(() => make(options)).toThrowError(/manifold is .*expected a manifold such as stiefel/);
    }
    expect(() => train.riemannianSgd({learningRate, nesterov: true})).toThrowError(/nesterov/);
  });
});
