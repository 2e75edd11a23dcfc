/** Vector quantisation in tiles: the choices of the rounded arithmetic of the reference, ties included, and nothing else. */
import * as tf from '@tensorflow/tfjs-core';
import {rvqDecode, rvqEncode} from '../../../src/ops/index.js';
import {dense, integersBelow, normal, toTensor, type Dense} from '../../support/dense.js';
import {rvqRounded} from '../float64/rvq_rounded.js';
import {poison} from '../../support/poison.js';

/** Rows, rounds, groups, codes, width of a group. */
const SHAPES = [
  [1, 1, 1, 1, 1],
  [33, 2, 3, 40, 5],
  [40, 3, 2, 33, 12],
  [5, 2, 1, 65, 32],
  [34, 3, 2, 9, 50],
  [3, 4, 1, 35, 130],
  [65536, 2, 1, 3, 1],
];

async function expectChoices(z: Dense, codebooks: Dense): Promise<void> {
  const [rounds, groups] = codebooks.shape;
  const [rows, rank] = z.shape;
  const expected = rvqRounded(z, codebooks);
  const [point, books] = [toTensor(z), toTensor(codebooks) as tf.Tensor4D];
  await poison([
    [rounds, rows, groups],
    [rows, rank],
  ]);
  const indices = rvqEncode(point, books);
  expect(Array.from(await indices.data())).toEqual(Array.from(expected.indices.values));
  const decoded = rvqDecode(indices, books);
  expect(Array.from(await decoded.data())).toEqual(Array.from(expected.decoded.values));
  expect(Array.from(await rvqEncode(point, books).data())).toEqual(
    Array.from(expected.indices.values),
  );
}

describe('vector quantisation in tiles', () => {
  for (const [n, rounds, groups, codes, width] of SHAPES) {
    it(`rows=${n} rounds=${rounds} groups=${groups} codes=${codes} width=${width}`, async () => {
      const z = normal([n, groups * width], 1);
      await expectChoices(z, normal([rounds, groups, codes, width], 2));
    });
  }

  it('takes the lowest of codes that are equally near', async () => {
    // Small integers: many distances are equal, and many codes are there several times.
    const z = integersBelow(3, [70, 2], 1);
    await expectChoices(z, integersBelow(3, [2, 1, 40, 2], 2));
  });

  it('takes the lowest of codes whose coordinates are exchanged', async () => {
    // (a, b) and (b, a) are equally far from (c, c) only if squares are rounded before they are added.
    const pairs = normal([60, 2], 3);
    const codes = dense([1, 1, 120, 2]);
    for (let i = 0; i < 60; i++) {
      const [a, b] = [pairs.values[2 * i], pairs.values[2 * i + 1]];
      codes.values.set([a, b, b, a], 4 * i);
    }
    const points = normal([64, 1], 4);
    const z = dense(
      [64, 2],
      Array.from({length: 128}, (_, i) => points.values[i >> 1]),
    );
    await expectChoices(z, codes);
  });

  it('names the limit that too many rounds go beyond, or encodes them', async () => {
    const run = () => rvqEncode(tf.ones([1, 1]), tf.ones([9000, 1, 1, 1]));
    if (tf.getBackend() === 'webgpu') {
      expect(run).toThrowError(/bytes of workgroup memory.*limit maxComputeWorkgroupStorageSize/);
    } else {
      expect(run().shape).toEqual([9000, 1, 1]);
    }
  });
});
