import * as tf from '@tensorflow/tfjs-core';
import {kmeansCodebooks} from '../../../src/layers/quantizer/kmeans.js';
import {rvqDecode, rvqEncode} from '../../../src/ops/index.js';
import {dense, expectClose, normal, toTensor} from '../../support/dense.js';

describe('kmeansCodebooks', () => {
  it('finds clusters, their sizes and, in the second round, what is left over', async () => {
    // Points ±8 with ±1 around them, in one column: centres ±8 in round 0, ±1 in round 1.
    const points = [7, 9, -7, -9, 7, 9, -7, -9, 7, 9];
    const z = tf.tensor2d(points, [10, 1]);
    const size = {rounds: 2, groups: 1, codes: 2, width: 1};
    const {codebooks, counts, sums} = kmeansCodebooks(z, size, 10, 5);
    const books = Array.from(await codebooks.data());
    expect(books.slice(0, 2).sort((a, b) => a - b)).toEqual([-8, 8]);
    expect(books.slice(2).sort((a, b) => a - b)).toEqual([-1, 1]);
    const sizes = await counts.data();
    expect(sizes[books.indexOf(8)]).toBe(6);
    expect(sizes[books.indexOf(-8)]).toBe(4);
    expect(Array.from(sizes.slice(2))).toEqual([5, 5]);
    await expectClose(
      sums,
      dense(
        [2, 1, 2, 1],
        Array.from(sizes, (n, i) => n * books[i]),
      ),
      1e-6,
    );
    await expectClose(rvqDecode(rvqEncode(z, codebooks), codebooks), dense([10, 1], points), 1e-6);
  });

  it('treats groups apart, and repeats itself bit for bit from one seed', async () => {
    const z = toTensor(normal([60, 6], 1)) as tf.Tensor2D;
    const size = {rounds: 2, groups: 3, codes: 4, width: 2};
    const first = kmeansCodebooks(z, size, 3, 7);
    const again = kmeansCodebooks(z, size, 3, 7);
    const values = Array.from(await first.codebooks.data());
    expect(Array.from(await again.codebooks.data())).toEqual(values);
    const other = Array.from(await kmeansCodebooks(z, size, 3, 8).codebooks.data());
    expect(other).not.toEqual(values);
    const total = tf.sum(first.counts, -1);
    await expectClose(total, dense([2, 3], new Array(6).fill(60)), 1e-6);
  });

  it('gets nearer with every iteration', async () => {
    const z = toTensor(normal([200, 4], 1)) as tf.Tensor2D;
    const size = {rounds: 1, groups: 2, codes: 8, width: 2};
    const errors: number[] = [];
    for (const iterations of [0, 1, 10]) {
      const {codebooks} = kmeansCodebooks(z, size, iterations, 3);
      const error = tf.sub(z, rvqDecode(rvqEncode(z, codebooks), codebooks));
      errors.push((await tf.mean(tf.square(error)).data())[0]);
    }
    expect(errors[1]).toBeLessThan(errors[0]);
    expect(errors[2]).toBeLessThan(errors[1]);
    // Eight codes in two dimensions leave about 0.27 of a normal distribution's variance at the optimum.
    expect(errors[2]).toBeLessThan(0.35);
  });

  it('takes fewer vectors than codes', async () => {
    const z = tf.tensor2d([1, 2], [2, 1]);
    const size = {rounds: 1, groups: 1, codes: 5, width: 1};
    const {codebooks} = kmeansCodebooks(z, size, 2, 1);
    expect(new Set(await codebooks.data())).toEqual(new Set([1, 2]));
  });
});
