import {orthogonalMatrix, randomStiefel} from '../../src/manifolds/index.js';
import {seededNormal, seededUniform} from '../../src/manifolds/seeded_normal.js';
import {largest, orthogonalityError, toMatrix, transpose} from './dense.js';

describe('randomStiefel', () => {
  for (const [d, r] of [
    [1, 1],
    [5, 5],
    [32, 8],
    [128, 32],
  ]) {
    it(`[${d}, ${r}] has orthonormal columns to 1e-6`, () => {
      const a = toMatrix(randomStiefel(d, r, 3), d, r);
      expect(largest(orthogonalityError(a))).toBeLessThan(1e-6);
    });
  }

  it('depends on the seed and on nothing else', () => {
    expect(randomStiefel(8, 3, 7)).toEqual(randomStiefel(8, 3, 7));
    expect(randomStiefel(8, 3, 7)).not.toEqual(randomStiefel(8, 3, 8));
    expect(randomStiefel(8, 3, 7)).not.toEqual(randomStiefel(8, 3, 7 + 2 ** 32));
  });

  it('keeps its values from release to release, for checkpoints name only the seed', () => {
    const values = Array.from(randomStiefel(2, 2, 1));
    // x = first column of the Gaussian, normalised; the second column follows up to its sign.
    const normal = seededNormal(1);
    const [a, , c] = [normal(), normal(), normal()];
    const norm = Math.sqrt(a * a + c * c);
    expect(values[0]).toBe(Math.fround(a / norm));
    expect(values[2]).toBe(Math.fround(c / norm));
    expect(Math.abs(values[1])).toBeCloseTo(Math.abs(values[2]), 6);
    expect(values).toEqual(GOLDEN);
  });

  it('spreads over the manifold: entries have mean 0 and mean square 1/d', () => {
    const [d, r] = [16, 4];
    const values = Array.from({length: 200}, (_, seed) => Array.from(randomStiefel(d, r, seed)));
    const all = values.flat();
    const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
    // Standard error of the mean: 1/√d/√12800 = 0.0022.
    expect(Math.abs(mean)).toBeLessThan(0.009);
    // R has a positive diagonal, so no entry is preferred: the corner's mean square is 1/16 like all others'.
    const corner = values.map(([x]) => x * x).reduce((sum, x) => sum + x, 0) / values.length;
    expect(corner).toBeCloseTo(1 / 16, 1);
  });

  it('says what is wrong with its arguments', () => {
    expect(() => randomStiefel(4, 5, 0)).toThrowError(
      /r is 5, expected an integer from 1 to d = 4/,
    );
    expect(() => randomStiefel(4, 0, 0)).toThrowError(/r is 0/);
    expect(() => randomStiefel(0, 1, 0)).toThrowError(/d is 0/);
    expect(() => randomStiefel(4, 2, 0.5)).toThrowError(/seed is 0.5, expected an integer/);
  });
});

describe('orthogonalMatrix', () => {
  it('has orthonormal rows when it is wide, as the basis of an anchor embedding', () => {
    const p = toMatrix(orthogonalMatrix(3, 8, 5), 3, 8);
    expect(largest(orthogonalityError(transpose(p)))).toBeLessThan(1e-6);
  });

  it('is randomStiefel when it is tall', () => {
    expect(orthogonalMatrix(8, 3, 5)).toEqual(randomStiefel(8, 3, 5));
  });
});

describe('seededNormal', () => {
  it('has the moments of a standard normal', () => {
    const normal = seededNormal(11);
    const n = 100_000;
    const sums = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = normal();
      sums[0] += x;
      sums[1] += x * x;
      sums[2] += x ** 4;
    }
    // Standard errors: 0.003, 0.0045, 0.03.
    expect(Math.abs(sums[0] / n)).toBeLessThan(0.013);
    expect(Math.abs(sums[1] / n - 1)).toBeLessThan(0.018);
    expect(Math.abs(sums[2] / n - 3)).toBeLessThan(0.13);
  });

  it('seededUniform stays in [0, 1) and fills its bins evenly', () => {
    const uniform = seededUniform(2);
    const bins = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      bins[Math.floor(uniform() * 10)]++;
    }
    // χ² with 9 degrees of freedom: above 33.7 once in 10,000 seeds.
    const chi = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(33.7);
    expect(bins.length).toBe(10);
  });
});

/** `randomStiefel(2, 2, 1)` as of version 0.1.0. */
const GOLDEN = [-0.694861888885498, 0.7191432118415833, 0.7191432118415833, 0.694861888885498];
