import * as tf from '@tensorflow/tfjs-core';
import {train} from '../../src/optimizers/index.js';
import {combine, identity, largest, multiply, polar, read, transpose} from '../manifolds/dense.js';
import {expectClose, gaussian} from './helpers.js';

describe('train.muon', () => {
  it('moves by lr √max(1, out/in) times the polar factor, once it is exact', async () => {
    for (const [rows, columns, scale] of [
      [5, 5, 1],
      [8, 4, 1],
      [4, 16, 2],
    ]) {
      const optimizer = train.muon({learningRate: 0.1, momentum: 0, steps: 12});
      const w = tf.variable(tf.zeros([rows, columns]), true, 'w');
      const g = gaussian([rows, columns], 3);
      optimizer.applyGradients({w: g});
      const G = await read(g);
      const direction = rows >= columns ? polar(G) : transpose(polar(transpose(G)));
      const expected = combine(-0.1 * scale, direction, 0, direction);
      expect(largest(combine(1, await read(w), -1, expected))).toBeLessThan(1e-5);
      w.dispose();
      optimizer.dispose();
    }
  });

  it('looks ahead along the momentum, with written-out numbers', async () => {
    // Diagonal gradients keep to the diagonal, where orthogonalising is taking the sign.
    // β = 0.5: m₁ = 0.5 [2, −2] = [1, −1], u₁ = 0.5 m₁ + 0.5 g₁ = [1.5, −1.5], step [−1, 1] · 0.1
    // m₂ = 0.5 m₁ + 0.5 [−1.5, 4] = [−0.25, 1.5]; nesterov: u₂ = 0.5 m₂ + 0.5 g₂ = [−0.875, 2.75]
    const w = tf.variable(
      tf.tensor2d([
        [1, 0],
        [0, 1],
      ]),
      true,
      'w',
    );
    const optimizer = train.muon({learningRate: 0.1, momentum: 0.5, steps: 12});
    optimizer.applyGradients({
      w: tf.tensor2d([
        [2, 0],
        [0, -2],
      ]),
    });
    await expectClose(w, [0.9, 0, 0, 1.1], 1e-5);
    optimizer.applyGradients({
      w: tf.tensor2d([
        [-1.5, 0],
        [0, 4],
      ]),
    });
    await expectClose(w, [1, 0, 0, 1], 1e-5);
    optimizer.dispose();
    // Without it a gradient of [−0.5, …] leaves the momentum's sign: m₂ = 0.5·1 − 0.25 = 0.25 > 0,
    // while nesterov's u₂ = 0.5·0.25 − 0.25 = −0.125 < 0.
    for (const [nesterov, expected] of [
      [false, 0.8],
      [true, 1],
    ] as const) {
      const v = tf.variable(tf.tensor2d([[1]]), true, 'v');
      const muon = train.muon({learningRate: 0.1, momentum: 0.5, steps: 12, nesterov});
      muon.applyGradients({v: tf.tensor2d([[2]])});
      muon.applyGradients({v: tf.tensor2d([[-0.5]])});
      await expectClose(v, [expected], 1e-5);
      v.dispose();
      muon.dispose();
    }
  });

  it('with its five steps brings all singular values of the update within 15 % of 1', async () => {
    const [rows, columns] = [12, 6];
    const optimizer = train.muon({learningRate: 1, momentum: 0});
    const w = tf.variable(tf.zeros([rows, columns]), true, 'w');
    optimizer.applyGradients({w: gaussian([rows, columns], 5)});
    const W = await read(w);
    const gram = multiply(transpose(W), W);
    // All eigenvalues in [0.85², 1.15²] mean that gram / 1.0225 − I has norm below 0.3.
    const middle = (0.85 ** 2 + 1.15 ** 2) / 2;
    const off = combine(1 / middle, gram, -1, identity(columns));
    expect(Math.max(...off.map((row) => Math.hypot(...row)))).toBeLessThan(0.3);
    optimizer.dispose();
  });

  it('trains the matrices of a layer together as it does each alone, in any order', async () => {
    const shapes: Record<string, number[]> = {
      'l/q': [6, 6],
      'l/k': [6, 6],
      'l/up': [6, 10],
      'l/down': [10, 6],
      'm/q': [6, 6],
    };
    const names = Object.keys(shapes);
    const run = async (calls: string[][]) => {
      const variables = names.map((name) => tf.variable(tf.zeros(shapes[name]), true, name));
      const optimizer = train.muon({learningRate: 0.1});
      for (const call of calls) {
        const gradients = call.map((name) => ({
          name,
          tensor: gaussian(shapes[name], names.indexOf(name)),
        }));
        optimizer.applyGradients(gradients);
      }
      const values = await Promise.all(variables.map(async (v) => Array.from(await v.data())));
      tf.dispose(variables);
      optimizer.dispose();
      return values;
    };
    const together = await run([names]);
    expect(await run([[...names].reverse()])).toEqual(together);
    const alone = await run(names.map((name) => [name]));
    together.flat().forEach((value, i) => expect(value).toBeCloseTo(alone.flat()[i], 5));
    expect(Math.max(...together.flat())).toBeGreaterThan(0.01);
  });

  it('decays weights by lr · decay, apart from the update', async () => {
    const w = tf.variable(tf.tensor2d([[2]]), true, 'w');
    const optimizer = train.muon({learningRate: 0.1, weightDecay: 0.5, steps: 12});
    optimizer.applyGradients({w: tf.tensor2d([[3]])});
    // 2 (1 − 0.05) − 0.1
    await expectClose(w, [1.8], 1e-5);
    optimizer.dispose();
  });

  it('stays put on a zero gradient', async () => {
    const w = tf.variable(tf.tensor2d([[2, 1]]), true, 'w');
    const optimizer = train.muon();
    optimizer.applyGradients({w: tf.zeros([1, 2])});
    await expectClose(w, [2, 1], 0);
    optimizer.dispose();
  });

  it('refuses what is not a matrix, by name, and changes nothing', async () => {
    const w = tf.variable(tf.tensor2d([[2]]), true, 'w');
    tf.variable(tf.zeros([3]), true, 'norm/weight');
    tf.variable(tf.zeros([3, 3, 1, 2]), true, 'conv/kernel');
    const optimizer = train.muon();
    const g = tf.tensor2d([[1]]);
    expect(() => optimizer.applyGradients({w: g, 'norm/weight': tf.zeros([3])})).toThrowError(
      /train.muon: variable 'norm\/weight' has shape \[3\], expected a matrix.*train.adamw/,
    );
    expect(() => optimizer.applyGradients({'conv/kernel': tf.zeros([3, 3, 1, 2])})).toThrowError(
      /'conv\/kernel'/,
    );
    await expectClose(w, [2], 0);
    expect(() => train.muon({steps: 0})).toThrowError(/steps is 0/);
  });
});
