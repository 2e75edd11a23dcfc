import * as tf from '@tensorflow/tfjs-core';
import {rvqDecode, rvqEncode} from '../../src/ops/index.js';
import {integersBelow, normal, toTensor} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';
import * as reference from '../support/rvq_reference.js';

describe('gradient of rvqDecode', () => {
  for (const [count, rounds, groups, codes, width] of [
    [1, 1, 1, 1, 1],
    [9, 2, 3, 4, 2],
    [5, 3, 1, 7, 3],
  ]) {
    it(`rows ${count}, codebooks [${[rounds, groups, codes, width]}]`, () => {
      const indices = integersBelow(codes, [rounds, count, groups], 4);
      return checkGradients({
        inputs: {codebooks: normal([rounds, groups, codes, width], 2)},
        reference: ({codebooks}) => reference.rvqDecode(indices, codebooks),
        op: ({codebooks}) => rvqDecode(toTensor(indices, 'int32'), codebooks),
      });
    });
  }

  it('does not pass through indices', async () => {
    const books = toTensor(normal([2, 2, 5, 2], 2));
    const z = toTensor(normal([3, 4], 1));
    const dz = tf.grad((x: tf.Tensor) => tf.add(rvqDecode(rvqEncode(x, books), books), x))(z);
    expect(Array.from(await dz.data())).toEqual(new Array(12).fill(1));
  });
});
