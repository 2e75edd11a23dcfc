import * as tf from '@tensorflow/tfjs-core';
import {polarFactor} from '../../src/ops/index.js';
import golden from '../fixtures/mapl.json' with {type: 'json'};
import {
  dense,
  expectClose,
  matMul,
  normal,
  toTensor,
  transpose,
  type Dense,
} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

const SHAPES = [
  [1, 1],
  [5, 1],
  [1, 6],
  [9, 4],
  [4, 9],
  [33, 7],
];

/** A matrix `[m,n]`, `n <= m`, with singular values from 1 down to `1/condition`. */
function conditioned(m: number, n: number, condition: number): Dense {
  const left = reference.polarFactor(normal([m, n], 1));
  const right = reference.polarFactor(normal([n, n], 2));
  left.values.forEach((v, i) => (left.values[i] = v * condition ** (-(i % n) / (n - 1))));
  const product = matMul(left, right);
  return dense(product.shape, product.values.map(Math.fround));
}

async function expectOrthonormal(u: tf.Tensor, tolerance = 1e-5): Promise<void> {
  const n = u.shape[1]!;
  const gram = tf.matMul(u as tf.Tensor2D, u as tf.Tensor2D, true, false);
  const eye = dense([n, n]);
  for (let i = 0; i < n; i++) {
    eye.values[i * n + i] = 1;
  }
  await expectClose(gram, eye, tolerance, 'UᵀU');
}

describe('polarFactor', () => {
  for (const [m, n] of SHAPES) {
    it(`of a ${m}×${n} matrix as in float64`, async () => {
      const y = normal([m, n], m + n);
      await expectClose(polarFactor(toTensor(y)), reference.polarFactor(y));
    });
  }

  it('gives the fixture', async () => {
    const expected = dense([32, 8], golden.polar.polar.flat());
    await expectClose(polarFactor(tf.tensor(golden.polar.Y)), expected);
  });

  it('takes a batch', async () => {
    const [one, two] = [normal([6, 3], 1), normal([6, 3], 2)];
    const u = polarFactor(tf.stack([toTensor(one), toTensor(two)]));
    const expected = [reference.polarFactor(one), reference.polarFactor(two)];
    const values = expected.flatMap((d) => Array.from(d.values));
    await expectClose(u, dense([2, 6, 3], values));
  });

  for (const condition of [1e2, 1e4]) {
    it(`has orthonormal columns at condition number ${condition}`, async () => {
      await expectOrthonormal(polarFactor(toTensor(conditioned(24, 8, condition))));
    });
  }

  it('is within 1e-5 at condition number 100, tall and wide', async () => {
    const y = conditioned(24, 8, 100);
    const expected = reference.polarFactor(y);
    await expectClose(polarFactor(toTensor(y)), expected);
    await expectClose(polarFactor(toTensor(transpose(y))), transpose(expected));
  });

  it('does not depend on the scale, however large or small', async () => {
    const y = normal([6, 3], 3);
    const expected = reference.polarFactor(y);
    // At 1e38 the norm itself is beyond float32, at 3e37 its inverse is not a normal number.
    for (const scale of [1e-33, 1e-30, 1e-10, 1e10, 1e30, 3e37, 1e38]) {
      await expectClose(polarFactor(tf.mul(toTensor(y), scale)), expected, 1e-5, `scale ${scale}`);
    }
  });

  it('takes huge, ordinary and tiny matrices in one batch', async () => {
    const y = normal([6, 3], 3);
    const batch = tf.stack([1e38, 1, 1e-33].map((scale) => tf.mul(toTensor(y), scale)));
    const {values} = reference.polarFactor(y);
    await expectClose(polarFactor(batch), dense([3, 6, 3], [...values, ...values, ...values]));
  });

  it('of entries below the normal numbers is that of zeros where the backend flushes them, never NaN', async () => {
    const y = normal([6, 3], 3);
    const u = await polarFactor(
      toTensor(
        dense(
          [6, 3],
          y.values.map((v) => v * 1e-40),
        ),
      ),
    ).data();
    const expected = u.every((v) => v === 0) ? dense([6, 3]) : reference.polarFactor(y);
    // Such entries have four digits.
    await expectClose(tf.tensor(u, [6, 3]), expected, 1e-3);
  });

  it('of zeros is zeros, also beside another matrix in a batch', async () => {
    expect(Array.from(await polarFactor(tf.zeros([3, 2])).data())).toEqual([0, 0, 0, 0, 0, 0]);
    const y = normal([3, 2], 4);
    const u = polarFactor(tf.stack([tf.zeros([3, 2]), toTensor(y)]));
    const values = [...new Array<number>(6).fill(0), ...reference.polarFactor(y).values];
    await expectClose(u, dense([2, 3, 2], values));
  });

  it('keeps a zero direction zero', async () => {
    // diag(2, 0): the polar factor is diag(1, 0).
    await expectClose(
      polarFactor([
        [2, 0],
        [0, 0],
      ]),
      dense([2, 2], [1, 0, 0, 0]),
    );
  });

  it('shows NaN', async () => {
    const values = await polarFactor([
      [NaN, 0],
      [0, 1],
    ]).data();
    expect(values.some(Number.isNaN)).toBeTrue();
  });

  it('takes fewer steps', async () => {
    // Six steps bring the singular values of a well-conditioned matrix within 1 %.
    const y = conditioned(24, 8, 10);
    await expectClose(polarFactor(toTensor(y), {steps: 6}), reference.polarFactor(y), 1e-2);
  });

  it('names what is wrong', () => {
    expect(() => polarFactor(tf.zeros([3]))).toThrowError(
      /polarFactor: 'y' has shape \[3\]; expected \[..., m, n\]/,
    );
    expect(() => polarFactor(tf.zeros([0, 3]))).toThrowError(/expected no empty dimension/);
    expect(() => polarFactor(tf.zeros([2, 3], 'int32'))).toThrowError(/expected dtype float32/);
    expect(() => polarFactor(tf.zeros([2, 3]), {steps: 1.5})).toThrowError(
      /polarFactor: steps is 1.5, expected a whole number of at least 0/,
    );
  });
});
