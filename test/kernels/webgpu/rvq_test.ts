/** Vector quantisation in tiles: the choices of the rounded arithmetic of the reference, ties included, and nothing else. */
import * as tf from '@tensorflow/tfjs-core';
import {rvqDecode, rvqEncode} from '../../../src/ops/index.js';
import {dense, integersBelow, normal, toTensor, type Dense} from '../../support/dense.js';
import {poison} from './poison.js';

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

const {fround} = Math;

/** Codes and the vectors they stand for, each operation rounded to float32: what every backend must choose. */
function reference(z: Dense, codebooks: Dense): {indices: number[]; decoded: Float32Array} {
  const [rounds, groups, codes, width] = codebooks.shape;
  const rows = z.shape[0];
  const indices = new Array<number>(rounds * rows * groups);
  const residual = Float32Array.from(z.values);
  const decoded = new Float32Array(rows * groups * width);
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < rows * groups; place++) {
      const book = (round * groups + (place % groups)) * codes;
      let [best, winner] = [Infinity, 0];
      for (let code = 0; code < codes; code++) {
        let distance = 0;
        for (let j = 0; j < width; j++) {
          const d = fround(
            residual[place * width + j] - codebooks.values[(book + code) * width + j],
          );
          distance = fround(distance + fround(d * d));
        }
        if (distance < best) [best, winner] = [distance, code];
      }
      indices[round * rows * groups + place] = winner;
      for (let j = 0; j < width; j++) {
        const value = codebooks.values[(book + winner) * width + j];
        residual[place * width + j] -= value;
        decoded[place * width + j] += value;
      }
    }
  }
  return {indices, decoded};
}

async function expectChoices(z: Dense, codebooks: Dense): Promise<void> {
  const [rounds, groups] = codebooks.shape;
  const [rows, rank] = z.shape;
  const expected = reference(z, codebooks);
  const [point, books] = [toTensor(z), toTensor(codebooks) as tf.Tensor4D];
  await poison([
    [rounds, rows, groups],
    [rows, rank],
  ]);
  const indices = rvqEncode(point, books);
  expect(Array.from(await indices.data())).toEqual(expected.indices);
  const decoded = rvqDecode(indices, books);
  expect(Array.from(await decoded.data())).toEqual(Array.from(expected.decoded));
  expect(Array.from(await rvqEncode(point, books).data())).toEqual(expected.indices);
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
