import * as tf from '@tensorflow/tfjs-core';
import {stiefel, type StiefelRetraction} from '../../src/manifolds/index.js';
import {
  combine,
  identity,
  inverse,
  largest,
  multiply,
  polar,
  project,
  read,
  spectralNorm,
  toMatrix,
  transpose,
} from './dense.js';
import {seededNormal} from '../../src/manifolds/seeded_normal.js';

const RETRACTIONS: StiefelRetraction[] = ['polar', 'qr', 'cayley'];

/** Shapes [d, r], from square to tall, each with its seeds. */
const TABLE: Array<{d: number; r: number; seeds: number[]}> = [
  {d: 1, r: 1, seeds: [1]},
  {d: 4, r: 4, seeds: [1]},
  {d: 6, r: 1, seeds: [2]},
  {d: 7, r: 5, seeds: [1, 2]},
  {d: 32, r: 8, seeds: [1]},
];

function gaussian(shape: number[], seed: number): tf.Tensor {
  const normal = seededNormal(seed);
  return tf.tensor(Float32Array.from({length: tf.util.sizeFromShape(shape)}, normal), shape);
}

async function expectPoint(x: tf.Tensor, atol = 1e-5): Promise<void> {
  expect(await stiefel.checkPoint(x, {atol, rtol: 0})).toEqual({ok: true});
}

for (const {d, r, seeds} of TABLE) {
  for (const seed of seeds) {
    describe(`stiefel [${d}, ${r}] seed ${seed}`, () => {
      let x: tf.Tensor2D;
      let g: tf.Tensor;
      beforeEach(() => {
        x = stiefel.random(d, r, seed);
        g = gaussian([d, r], seed + 100);
      });

      it('random and origin are points', async () => {
        await expectPoint(x);
        await expectPoint(stiefel.origin(d, r));
      });

      it('proju gives tangents, is idempotent, and g − proju(g) is normal to every tangent', async () => {
        const u = stiefel.proju(x, g);
        expect(await stiefel.checkTangent(x, u)).toEqual({ok: true});
        const again = stiefel.proju(x, u);
        expect(largest(combine(1, await read(again), -1, await read(u)))).toBeLessThan(1e-5);
        const v = stiefel.proju(x, gaussian([d, r], seed + 200));
        const product = await stiefel.inner(x, tf.sub(g, u), v).data();
        expect(Math.abs(product[0])).toBeLessThan(1e-4);
      });

      it('proju is u − x sym(xᵀu), and egrad2rgrad is proju', async () => {
        const expected = project(await read(x), await read(g));
        for (const actual of [stiefel.proju(x, g), stiefel.egrad2rgrad(x, g)]) {
          expect(largest(combine(1, await read(actual), -1, expected))).toBeLessThan(1e-5);
        }
      });

      it('projx is the nearest point: the polar factor', async () => {
        const y = stiefel.projx(tf.add(x, tf.mul(g, 0.1)));
        await expectPoint(y);
        const expected = polar(combine(1, await read(x), 0.1, await read(g)));
        expect(largest(combine(1, await read(y), -1, expected))).toBeLessThan(1e-5);
      });

      it('transp of a tangent is tangent at the new point', async () => {
        const u = stiefel.proju(x, g);
        const v = stiefel.proju(x, gaussian([d, r], seed + 300));
        const [y, carried] = stiefel.retrTransp(x, tf.mul(u, 0.1), v);
        expect(await stiefel.checkTangent(y, carried)).toEqual({ok: true});
      });

      for (const retraction of RETRACTIONS) {
        it(`${retraction}: points at any step, x at step 0, x + t u to first order`, async () => {
          const ambient = stiefel.proju(x, g);
          const scale = 1 / Math.max(spectralNorm(await read(ambient)), 1e-6);
          const u = tf.mul(ambient, scale);
          for (const t of [0.01, 3]) {
            await expectPoint(stiefel.retr(x, tf.mul(u, t), {retraction}));
          }
          const still = await read(stiefel.retr(x, tf.zeros([d, r]), {retraction}));
          expect(largest(combine(1, still, -1, await read(x)))).toBeLessThan(5e-6);
          // The error of a retraction is at most quadratic: at t = 0.02 below t² = 4e-4.
          const t = 0.02;
          const moved = await read(stiefel.retr(x, tf.mul(u, t), {retraction}));
          const straight = combine(1, await read(x), t, await read(u));
          expect(spectralNorm(combine(1, moved, -1, straight))).toBeLessThan(t * t + 5e-6);
        });
      }
    });
  }
}

describe('stiefel retractions', () => {
  const [d, r] = [6, 3];

  it('qr has a positive diagonal in R = Qᵀ(x + u)', async () => {
    const x = stiefel.random(d, r, 4);
    const u = stiefel.proju(x, gaussian([d, r], 5));
    const q = await read(stiefel.retr(x, u, {retraction: 'qr'}));
    const upper = multiply(transpose(q), combine(1, await read(x), 1, await read(u)));
    for (let i = 0; i < r; i++) {
      expect(upper[i][i]).toBeGreaterThan(0);
      for (let j = 0; j < i; j++) {
        expect(Math.abs(upper[i][j])).toBeLessThan(1e-5);
      }
    }
  });

  it('cayley is (I − W/2)⁻¹ (I + W/2) x', async () => {
    const x = stiefel.random(d, r, 4);
    const u = stiefel.proju(x, gaussian([d, r], 5));
    const [X, U] = [await read(x), await read(u)];
    // P u = u − x xᵀu / 2, W = P u xᵀ − x (P u)ᵀ
    const h = combine(1, U, -0.5, multiply(X, multiply(transpose(X), U)));
    const w = combine(1, multiply(h, transpose(X)), -1, multiply(X, transpose(h)));
    const eye = identity(d);
    const cayley = multiply(inverse(combine(1, eye, -0.5, w)), combine(1, eye, 0.5, w));
    const actual = await read(stiefel.retr(x, u, {retraction: 'cayley'}));
    expect(largest(combine(1, actual, -1, multiply(cayley, X)))).toBeLessThan(1e-5);
  });

  it('polar of a horizontal step is (x − t u) / √(1 + t²) for orthonormal u', async () => {
    // x = e1, u = e2: (1, -t) / √(1 + t²).
    const x = tf.tensor2d([1, 0, 0], [3, 1]);
    const y = await stiefel.retr(x, tf.tensor2d([0, -0.75, 0], [3, 1])).data();
    // √(1 + 0.5625) = 1.25
    expect(y[0]).toBeCloseTo(0.8, 5);
    expect(y[1]).toBeCloseTo(-0.6, 5);
    expect(y[2]).toBe(0);
  });

  it('act on each matrix of a batch by itself', async () => {
    const points = [1, 2, 3].map((seed) => stiefel.random(d, r, seed));
    const x = tf.stack(points);
    const u = stiefel.proju(x, gaussian([3, d, r], 9));
    expect(await stiefel.checkTangent(x, u)).toEqual({ok: true});
    for (const retraction of RETRACTIONS) {
      const y = stiefel.retr(x, u, {retraction});
      await expectPoint(y);
      const tangents = tf.unstack(u);
      const rows = tf.unstack(y);
      for (let i = 0; i < points.length; i++) {
        const single = await read(stiefel.retr(points[i], tangents[i], {retraction}));
        expect(largest(combine(1, await read(rows[i]), -1, single))).toBeLessThan(1e-5);
      }
    }
    expect(stiefel.inner(x, u).shape).toEqual([3]);
    expect(stiefel.inner(x, u, u, {keepDims: true}).shape).toEqual([3, 1, 1]);
  });

  it('refuse an unknown name, listing the known', () => {
    const x = stiefel.origin(d, r);
    const options = {retraction: 'exp' as StiefelRetraction};
    expect(() => stiefel.retr(x, x, options)).toThrowError(
      /retraction is 'exp', expected one of polar, qr, cayley/,
    );
    const inherited = {retraction: 'toString' as StiefelRetraction};
    expect(() => stiefel.retr(x, x, inherited)).toThrowError(/retraction is 'toString'/);
  });
});

describe('stiefel checks', () => {
  it('say by how much a matrix is no point', async () => {
    const {ok, reason} = await stiefel.checkPoint(tf.tensor2d([1.01, 0], [2, 1]));
    // 1.01² − 1 = 0.0201, less the relative tolerance of 1e-5.
    expect(ok).toBe(false);
    expect(reason).toMatch(/xᵀx − I.*2\.01e-2 > 0.00001/);
  });

  it('accept what lies within the tolerances given', async () => {
    const x = tf.tensor2d([1.01, 0], [2, 1]);
    expect(await stiefel.checkPoint(x, {atol: 0.03})).toEqual({ok: true});
    expect(await stiefel.checkPoint(x, {rtol: 0.03})).toEqual({ok: true});
  });

  it('find a matrix that is not tangent, a wrong base point, NaN and wrong shapes', async () => {
    const x = stiefel.origin(3, 1);
    expect((await stiefel.checkTangent(x, x)).reason).toMatch(/xᵀu \+ uᵀx/);
    const off = tf.mul(x, 2);
    expect((await stiefel.checkTangent(off, tf.zeros([3, 1]))).reason).toMatch(/x is no point/);
    const nan = tf.tensor2d([NaN, 0, 0], [3, 1]);
    expect((await stiefel.checkPoint(nan)).reason).toMatch(/NaN/);
    expect((await stiefel.checkPoint(tf.ones([2, 3]))).reason).toMatch(/1 ≤ r ≤ d.*\[2,3\]/);
    expect((await stiefel.checkPoint(tf.ones([3]))).reason).toMatch(/\[\.\.\., d, r\]/);
    expect((await stiefel.checkTangent(x, tf.ones([2, 1]))).reason).toMatch(/shape \[2,1\]/);
  });

  it('name an argument that is missing', async () => {
    const nothing = undefined as unknown as tf.Tensor;
    const x = stiefel.origin(3, 2);
    expect(() => stiefel.retr(x, nothing)).toThrowError(/^stiefel.retr: u is missing, expected a/);
    expect(() => stiefel.projx(nothing)).toThrowError(/^stiefel.projx: x is missing/);
    await expectAsync(stiefel.checkPoint(nothing)).toBeRejectedWithError(
      /checkPoint: x is missing/,
    );
    await expectAsync(stiefel.checkTangent(x, nothing)).toBeRejectedWithError(/u is missing/);
    x.dispose();
  });

  it('name the argument of a wrong shape', () => {
    const x = stiefel.origin(3, 2);
    expect(() => stiefel.proju(x, tf.ones([3, 1]))).toThrowError(/u has shape \[3,1\].*\[3,2\]/);
    expect(() => stiefel.projx(tf.ones([2, 3]))).toThrowError(/1 ≤ r ≤ d/);
    expect(() => stiefel.origin(2, 3)).toThrowError(/stiefel.origin/);
  });

  it('random is the same on every backend', async () => {
    const values = Array.from(await stiefel.random(2, 1, 1).data());
    expect(toMatrix(values, 2, 1)).toEqual([[GOLDEN[0]], [GOLDEN[1]]]);
  });
});

/** `stiefel.random(2, 1, 1)` as of version 0.1.0. */
const GOLDEN = [-0.2573770582675934, 0.9663110375404358];
