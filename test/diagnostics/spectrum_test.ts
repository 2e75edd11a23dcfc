import * as tf from '@tensorflow/tfjs-core';
import {
  energyAtRank,
  GramAccumulator,
  rankForEnergy,
  spectrum,
  symmetricEigen,
} from '../../src/diagnostics/index.js';
import {orthogonalMatrix} from '../../src/manifolds/random_stiefel.js';

describe('GramAccumulator', () => {
  it('sums products of batches of any shape', async () => {
    const gram = new GramAccumulator(2);
    const [a, b] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor3d([5, 6], [1, 1, 2])];
    tf.tidy(() => gram.add(a));
    await gram.settle();
    gram.add(b);
    await gram.settle();
    // [1 2]ᵀ[1 2] + [3 4]ᵀ[3 4] + [5 6]ᵀ[5 6].
    expect([...gram.values]).toEqual([35, 44, 44, 56]);
    expect(gram.rows).toBe(3);
    tf.dispose([a, b]);
  });

  it('cuts long batches, and frees what was not read', async () => {
    const gram = new GramAccumulator(1);
    const ones = tf.ones([10000, 1]);
    gram.add(ones);
    await gram.settle();
    expect(gram.values[0]).toBe(10000);
    gram.add(ones);
    gram.dispose();
    await gram.settle();
    expect(gram.values[0]).toBe(10000);
    ones.dispose();
  });

  it('refuses another width', () => {
    const gram = new GramAccumulator(3);
    const x = tf.zeros([2, 2]);
    expect(() => gram.add(x)).toThrowError(/shape \[2,2\], expected \[\.\.\., 3\]/);
    expect(() => new GramAccumulator(0)).toThrowError(/width is 0/);
    x.dispose();
  });
});

describe('symmetricEigen', () => {
  it('finds values and vectors of a matrix made of known ones', () => {
    const n = 12;
    const q = orthogonalMatrix(n, n, 5);
    const values = Array.from({length: n}, (_, i) => 2 ** -i);
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < n; k++) matrix[i * n + j] += q[i * n + k] * values[k] * q[j * n + k];
      }
    }
    const found = symmetricEigen(matrix, n);
    found.values.forEach((value, i) => expect(value).toBeCloseTo(values[i], 6));
    for (let k = 0; k < n; k++) {
      let product = 0;
      for (let i = 0; i < n; i++) product += q[i * n + k] * found.vectors[i * n + k];
      expect(Math.abs(product)).toBeCloseTo(1, 5);
    }
  });

  it('refuses damaged matrices', () => {
    expect(() => symmetricEigen(Float64Array.of(1, NaN, 0, 1), 2)).toThrowError(
      /entry \[0, 1\] is NaN/,
    );
    expect(() => symmetricEigen(new Float64Array(3), 2)).toThrowError(/got 3 values, expected 4/);
  });

  it('gives no negative energies', () => {
    // Of rank one; rounding may make the other value negative.
    const gram = Float64Array.of(0.01, 0.1, 0.1, 1);
    const values = spectrum(gram, 2);
    expect(values[0]).toBeCloseTo(1.01, 12);
    expect(values[1]).toBeGreaterThanOrEqual(0);
  });
});

describe('rankForEnergy', () => {
  it('counts the directions that are needed', () => {
    const energy = [60, 30, 9, 1];
    expect(rankForEnergy(energy, 0.5)).toBe(1);
    expect(rankForEnergy(energy, 0.6)).toBe(1);
    expect(rankForEnergy(energy, 0.9)).toBe(2);
    expect(rankForEnergy(energy, 0.91)).toBe(3);
    expect(rankForEnergy(energy, 0.99)).toBe(3);
    expect(rankForEnergy(energy, 1)).toBe(4);
    expect(rankForEnergy([5, 0, 0], 1)).toBe(1);
    expect(rankForEnergy([0, 0], 0.9)).toBe(0);
  });

  it('is the inverse of energyAtRank', () => {
    const energy = [60, 30, 9, 1];
    expect([0, 1, 2, 3, 4, 9].map((rank) => energyAtRank(energy, rank))).toEqual([
      0, 0.6, 0.9, 0.99, 1, 1,
    ]);
    expect(energyAtRank([0], 0)).toBe(1);
  });

  it('refuses shares and energies that are none', () => {
    expect(() => rankForEnergy([1], 0)).toThrowError(/share is 0/);
    expect(() => rankForEnergy([1], 1.1)).toThrowError(/share is 1.1/);
    expect(() => rankForEnergy([1, 2], 0.5)).toThrowError(/energy 1 is 2/);
    expect(() => energyAtRank([NaN], 1)).toThrowError(/energy 0 is NaN/);
    expect(() => energyAtRank([1], 0.5)).toThrowError(/rank is 0.5/);
  });
});
