import * as tf from '@tensorflow/tfjs-core';
import {
  dense,
  expectClose,
  matMul,
  normal,
  toTensor,
  transpose,
  type Dense,
} from '../../support/dense.js';

/** Shapes of a and b, and which are transposed. */
const CASES: Array<[a: number[], b: number[], transposeA: boolean, transposeB: boolean]> = [
  [[1, 1], [1, 1], true, true],
  [[33, 65], [65, 34], false, false],
  [[65, 33], [65, 34], true, false],
  [[33, 65], [34, 65], false, true],
  [[65, 33], [34, 65], true, true],
  [[3, 5, 7], [3, 7, 4], false, false],
  [[3, 7, 5], [3, 4, 7], true, true],
  [[3, 5, 7], [7, 4], false, false],
  [[7, 5], [3, 4, 7], true, true],
  [[2, 1, 5, 3], [3, 4, 5], true, true],
  [[2, 1, 5, 3], [1, 4, 3, 2], false, false],
  // Sums that are made in blocks, the last of them shorter.
  [[3, 16500], [16500, 2], false, false],
  [[2, 16500, 3], [2, 4, 16500], true, true],
];

/** Batched, broadcast product in float64. */
function reference(a: Dense, b: Dense, transposeA: boolean, transposeB: boolean): Dense {
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(
    a.shape.slice(0, -2),
    b.shape.slice(0, -2),
  );
  const count = batch.reduce((x, y) => x * y, 1);
  const part = (from: Dense, i: number): Dense => {
    const own = from.shape.slice(0, -2);
    const [rows, columns] = from.shape.slice(-2);
    let [rest, at, stride] = [i, 0, 1];
    for (let axis = batch.length - 1; axis >= 0; axis--) {
      const size = own[axis - batch.length + own.length] ?? 1;
      at += size === 1 ? 0 : (rest % batch[axis]) * stride;
      stride *= size;
      rest = Math.floor(rest / batch[axis]);
    }
    const size = rows * columns;
    return dense([rows, columns], from.values.subarray(at * size, (at + 1) * size));
  };
  const products = Array.from({length: count}, (_, i) => {
    const [left, right] = [part(a, i), part(b, i)];
    return matMul(transposeA ? transpose(left) : left, transposeB ? transpose(right) : right);
  });
  const values = products.flatMap((product) => Array.from(product.values));
  return dense([...batch, ...products[0].shape], values);
}

if (tf.getBackend() === 'wasm') {
  describe('BatchMatMul on wasm', () => {
    for (const [aShape, bShape, transposeA, transposeB] of CASES) {
      it(`[${aShape}]${transposeA ? 'ᵀ' : ''} · [${bShape}]${transposeB ? 'ᵀ' : ''}`, async () => {
        const [a, b] = [normal(aShape, 1), normal(bShape, 2)];
        const expected = reference(a, b, transposeA, transposeB);
        const [x, y] = [toTensor(a), toTensor(b)];
        await expectClose(tf.matMul(x, y, transposeA, transposeB), expected);
        // A second time: XNNPACK's packed copy of y is used again.
        await expectClose(tf.matMul(x, y, transposeA, transposeB), expected);
      });
    }

    it('leaves nothing behind on the backend', () => {
      const backend = tf.backend();
      const before = backend.numDataIds();
      const [a, b] = [tf.ones([3, 5, 7]), tf.ones([3, 4, 7])];
      tf.dispose([a, b, tf.matMul(a, b, false, true)]);
      expect(backend.numDataIds()).toBe(before);
    });

    it('gives the same bits twice', async () => {
      const [a, b] = [toTensor(normal([40, 50], 1)), toTensor(normal([30, 50], 2))];
      const first = await tf.matMul(a, b, false, true).data();
      const second = await tf.matMul(a, b, false, true).data();
      expect(Array.from(first)).toEqual(Array.from(second));
    });
  });

  describe('_FusedMatMul on wasm', () => {
    it('adds the bias once, however long the inner dimension', async () => {
      // tfjs-wasm's own adds it once per 48 of the inner dimension when an operand is transposed.
      const [a, b] = [normal([3, 100], 1), normal([4, 100], 2)];
      const product = matMul(a, transpose(b));
      const relu = product.values.map((v, i) => Math.max(0, v + [5, -5, 1, 2][i % 4]));
      const fused = tf.fused.matMul({
        a: toTensor(a),
        b: toTensor(b),
        transposeB: true,
        bias: tf.tensor1d([5, -5, 1, 2]),
        activation: 'relu',
      });
      await expectClose(fused, dense([3, 4], relu));
    });
  });
}
