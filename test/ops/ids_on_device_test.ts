/** Ids outside of a table that an op on the device made: an error where they can be read, else NaN; never zeros. */
import * as tf from '@tensorflow/tfjs-core';
import {
  boundaryDecode,
  boundaryEncode,
  rvqDecode,
  sparseCrossEntropy,
} from '../../src/ops/index.js';

/** So many that tfjs-webgpu computes with them on the device, not on the host. */
const COUNT = 3000;

/** Ids 1 and, at the end, `last`, of which only the backend knows the values. */
function made(last: number): tf.Tensor1D {
  const ids = new Int32Array(COUNT).fill(1);
  ids[COUNT - 1] = last;
  return tf.add(tf.zeros([COUNT], 'int32'), tf.tensor1d(ids, 'int32'));
}

/** Each op on such ids, of a table with two rows; outputs `[COUNT, …]`. */
const OPS: Record<string, (ids: tf.Tensor1D) => tf.Tensor> = {
  boundaryEncode: (ids) =>
    boundaryEncode(tf.ones([COUNT, 2]), ids, tf.ones([2, 1]), tf.ones([2, 1]), tf.ones([1, 2])),
  boundaryDecode: (ids) =>
    boundaryDecode(tf.ones([COUNT, 1]), ids, tf.ones([2, 1]), tf.ones([2, 1]), tf.ones([1, 2])),
  rvqDecode: (ids) => rvqDecode(tf.reshape(ids, [1, COUNT, 1]), tf.ones([1, 1, 2, 1])),
  sparseCrossEntropy: (ids) => sparseCrossEntropy(tf.ones([COUNT, 2]), ids, 'none'),
};

describe('ids outside of a table that were made on the device', () => {
  for (const [name, op] of Object.entries(OPS)) {
    for (const id of [2, -1]) {
      it(`${name} of id ${id}`, async () => {
        if (tf.getBackend() !== 'webgpu') {
          expect(() => op(made(id))).toThrowError(new RegExp(`${name}: .*${id}`));
          return;
        }
        const values = Array.from(await op(made(id)).data());
        const width = values.length / COUNT;
        expect(values.map(Number.isNaN)).toEqual(values.map((_, i) => i >= (COUNT - 1) * width));
      });
    }
  }
});
