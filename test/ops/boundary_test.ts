import * as tf from '@tensorflow/tfjs-core';
import {boundaryDecode, boundaryEncode} from '../../src/ops/index.js';
import golden from '../fixtures/mapl.json' with {type: 'json'};
import {dense, expectClose, integersBelow, normal, toTensor, type Dense} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

/** n positions, width d, rank r, vocabulary V, anchor width a. */
const SHAPES = [
  [1, 4, 1, 3, 1],
  [7, 12, 5, 9, 3],
  [6, 33, 7, 11, 7],
  [10, 16, 16, 5, 8],
  [3, 64, 6, 100, 2],
];

function flat(nested: unknown, shape: number[]): Dense {
  return dense(shape, (nested as number[][]).flat(9) as number[]);
}

describe('boundaryEncode and boundaryDecode', () => {
  for (const [n, d, r, vocab, a] of SHAPES) {
    it(`n=${n} d=${d} r=${r} V=${vocab} a=${a} as in float64`, async () => {
      const ids = integersBelow(vocab, [n], 1);
      const [x, z] = [normal([n, d], 2), normal([n, r], 3)];
      const [A, E, P] = [normal([d, r], 4), normal([vocab, a], 5), normal([a, d], 6)];
      const weights = [toTensor(A), toTensor(E), toTensor(P)] as const;
      const $ids = toTensor(ids, 'int32');
      const encoded = boundaryEncode(toTensor(x), $ids, ...weights);
      await expectClose(encoded, reference.boundaryEncode(x, ids, A, E, P));
      const decoded = boundaryDecode(toTensor(z), $ids, ...weights);
      await expectClose(decoded, reference.boundaryDecode(z, ids, A, E, P));
    });
  }

  it('gives the values and all gradients of the fixture', async () => {
    const b = golden.boundary;
    const ids = tf.tensor(b.ids, [2, 5], 'int32');
    const basis = [tf.tensor(b.senderBasis), tf.tensor(b.receiverBasis)];
    const inputs = [b.X, b.A, b.senderTable, b.receiverTable].map((value) => tf.tensor(value));
    const encode = (x: tf.Tensor, A: tf.Tensor, sender: tf.Tensor) =>
      boundaryEncode(x, ids, A, sender, basis[0]);
    const decode = (z: tf.Tensor, A: tf.Tensor, receiver: tf.Tensor) =>
      boundaryDecode(z, ids, A, receiver, basis[1]);

    const z = encode(inputs[0], inputs[1], inputs[2]);
    await expectClose(z, flat(b.Z, [2, 5, 8]), 1e-5, 'Z');
    await expectClose(decode(z, inputs[1], inputs[3]), flat(b.Xhat, [2, 5, 32]), 1e-5, 'Xhat');

    const dXhat = tf.tensor(b.dXhat);
    const grads = tf.grads((x, A, sender, receiver) => decode(encode(x, A, sender), A, receiver))(
      inputs,
      dXhat,
    );
    await expectClose(grads[0], flat(b.dX, [2, 5, 32]), 1e-5, 'dX');
    await expectClose(grads[1], flat(b.dA, [32, 8]), 1e-5, 'dA, both halves');
    await expectClose(grads[2], flat(b.dSenderTable, [20, 8]), 1e-5, 'dSenderTable');
    await expectClose(grads[3], flat(b.dReceiverTable, [20, 8]), 1e-5, 'dReceiverTable');
    const dZ = tf.grad((latent: tf.Tensor) => decode(latent, inputs[1], inputs[3]))(z, dXhat);
    await expectClose(dZ, flat(b.dZ, [2, 5, 8]), 1e-5, 'dZ');
  });

  it('decode undoes encode when r = d and both tables are the same', async () => {
    // A = I, so z = x − e and x̂ = z + e = x.
    const x = normal([5, 6], 1);
    const eye = tf.eye(6);
    const ids = tf.tensor1d([0, 1, 2, 1, 0], 'int32');
    const [E, P] = [toTensor(normal([3, 2], 2)), toTensor(normal([2, 6], 3))];
    const z = boundaryEncode(toTensor(x), ids, eye, E, P);
    await expectClose(boundaryDecode(z, ids, eye, E, P), x);
  });

  it('takes arrays, any leading shape, and gives it back', async () => {
    // x − e P = [1, 2] − [1]·[1, 1] = [0, 1]; times A = [1, 0]ᵀ gives 0.
    const z = boundaryEncode([[[1, 2]]], [[0]], [[1], [0]], [[1]], [[1, 1]]);
    expect(z.shape).toEqual([1, 1, 1]);
    expect(Array.from(await z.data())).toEqual([0]);
  });

  it('lets NaN through', async () => {
    const z = boundaryEncode([[NaN, 2]], [0], [[1], [0]], [[1]], [[1, 1]]);
    expect(Array.from(await z.data())).toEqual([NaN]);
  });
});

describe('errors of boundaryEncode and boundaryDecode', () => {
  const x = () => tf.zeros([2, 3, 4]);
  const ids = () => tf.zeros([2, 3], 'int32');
  const A = () => tf.zeros([4, 2]);
  const E = () => tf.zeros([5, 3]);
  const P = () => tf.zeros([3, 4]);

  it('name the first id outside the vocabulary, its place and the vocabulary', () => {
    const bad = tf.tensor2d([0, 1, 2, 3, 5, -1], [2, 3], 'int32');
    expect(() => boundaryEncode(x(), bad, A(), E(), P())).toThrowError(
      /boundaryEncode: ids\[1,1\] = 5 is outside the vocabulary: 'anchors' has 5 rows, so ids go from 0 to 4/,
    );
    const negative = tf.tensor2d([0, 1, -2, 3, 4, 1], [2, 3], 'int32');
    expect(() => boundaryDecode(tf.zeros([2, 3, 2]), negative, A(), E(), P())).toThrowError(
      /boundaryDecode: ids\[0,2\] = -2 is outside the vocabulary/,
    );
  });

  it('name the argument, its shape and what was expected', () => {
    expect(() => boundaryEncode(tf.zeros([2, 3, 5]), ids(), A(), E(), P())).toThrowError(
      /the last dimension of 'x' is 5; expected 4, the projector's first dimension/,
    );
    expect(() => boundaryDecode(tf.zeros([2, 3, 5]), ids(), A(), E(), P())).toThrowError(
      /the last dimension of 'z' is 5; expected 2, the projector's second dimension/,
    );
    expect(() => boundaryEncode(x(), tf.zeros([3, 2], 'int32'), A(), E(), P())).toThrowError(
      /'ids' has shape \[3,2\]; expected \[2,3\]/,
    );
    expect(() => boundaryEncode(x(), ids(), tf.zeros([2, 4]), E(), P())).toThrowError(
      /rank r = 4 and width d = 2; expected 1 <= r <= d/,
    );
    expect(() => boundaryEncode(x(), ids(), A(), E(), tf.zeros([3, 5]))).toThrowError(
      /the second dimension of 'basis' is 5; expected 4/,
    );
    expect(() => boundaryEncode(x(), ids(), A(), E(), tf.zeros([2, 4]))).toThrowError(
      /the first dimension of 'basis' is 2; expected 3/,
    );
    expect(() => boundaryEncode(x(), ids(), tf.zeros([4]), E(), P())).toThrowError(
      /'projector' has shape \[4\]; expected \[d, r\]/,
    );
  });

  it('refuse ids that are not int32 and activations that are not float32', () => {
    expect(() => boundaryEncode(x(), tf.zeros([2, 3]), A(), E(), P())).toThrowError(
      /'ids' is a float32 tensor of shape \[2,3\]; expected dtype int32/,
    );
    expect(() => boundaryEncode(tf.zeros([2, 3, 4], 'int32'), ids(), A(), E(), P())).toThrowError(
      /'x' is a int32 tensor of shape \[2,3,4\]; expected dtype float32/,
    );
    expect(() =>
      boundaryEncode(
        x(),
        [
          [0.5, 0, 0],
          [0, 0, 0],
        ],
        A(),
        E(),
        P(),
      ),
    ).toThrowError(/'ids' has the value 0.5; expected integers only/);
  });
});
