/** Ids outside of a table that an op on the device made: an error where they can be read, else NaN; never zeros. */
import * as tf from '@tensorflow/tfjs-core';
import {embeddingLookup} from '../../src/layers/embedding_lookup.js';
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
  embeddingLookup: (ids) => embeddingLookup(tf.ones([2, 3]), ids, 'embeddingLookup'),
};

/** Gradients of the sum of an op's output in what is read by id. */
const GRADIENTS: Record<string, (ids: tf.Tensor1D) => tf.Tensor> = {
  'boundaryEncode, of anchors': (ids) =>
    tf.grad((anchors) =>
      boundaryEncode(tf.ones([COUNT, 2]), ids, tf.ones([2, 1]), anchors, tf.ones([1, 2])),
    )(tf.ones([2, 1])),
  'boundaryEncode, of the projector': (ids) =>
    tf.grad((projector) =>
      boundaryEncode(tf.ones([COUNT, 2]), ids, projector, tf.ones([2, 1]), tf.ones([1, 2])),
    )(tf.ones([2, 1])),
  'boundaryDecode, of anchors': (ids) =>
    tf.grad((anchors) =>
      boundaryDecode(tf.ones([COUNT, 1]), ids, tf.ones([2, 1]), anchors, tf.ones([1, 2])),
    )(tf.ones([2, 1])),
  'rvqDecode, of two groups': (ids) => {
    const indices = tf.reshape(ids, [1, COUNT / 2, 2]);
    return tf.grad((codebooks) => rvqDecode(indices, codebooks))(tf.ones([1, 2, 2, 1]));
  },
  embeddingLookup: (ids) =>
    tf.grad((table) => embeddingLookup(table as tf.Tensor2D, ids, 'embeddingLookup'))(
      tf.ones([2, 3]),
    ),
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

  for (const [name, gradient] of Object.entries(GRADIENTS)) {
    for (const id of [2, -1]) {
      it(`the gradient of ${name}, of id ${id}`, async () => {
        if (tf.getBackend() !== 'webgpu') {
          expect(() => gradient(made(id))).toThrowError(new RegExp(`${id}`));
          return;
        }
        const values = Array.from(await gradient(made(id)).data());
        expect(values).toEqual(values.map(() => NaN));
      });
    }
  }

  it('the gradient of sparseCrossEntropy, of the rows without such ids a number', async () => {
    const targets = made(2);
    const gradient = () =>
      tf.grad((logits) => sparseCrossEntropy(logits, targets, 'none'))(tf.ones([COUNT, 2]));
    if (tf.getBackend() !== 'webgpu') {
      expect(gradient).toThrowError(/sparseCrossEntropy: targets\[2999\] = 2 is outside/);
      return;
    }
    const values = Array.from(await gradient().data());
    const row = (i: number) => values.slice(2 * i, 2 * i + 2);
    expect(values.slice(0, -2).every(Number.isFinite)).toBe(true);
    expect(row(0)[1]).toBeCloseTo(-0.5, 6);
    expect(row(COUNT - 1)).toEqual([NaN, NaN]);
  });

  it('are refused in the words of the other backends once they were read', async () => {
    const ids = made(2);
    await ids.data();
    for (const [name, op] of Object.entries(OPS)) {
      expect(() => op(ids))
        .withContext(name)
        .toThrowError(new RegExp(`${name}: .*2`));
    }
  });
});
