/** Boundary products in tiles: odd sizes, a long inner dimension in parts, tiles of 64, as many rows as a batch has. */
import * as tf from '@tensorflow/tfjs-core';
import {boundaryDecode, boundaryEncode} from '../../../src/ops/index.js';
import {
  dense,
  expectClose,
  integersBelow,
  matMul,
  normal,
  toTensor,
  transpose,
  type Dense,
} from '../../support/dense.js';
import * as reference from '../../support/reference_ops.js';
import {poison} from '../../support/poison.js';

/** Rows, width, rank, vocabulary, rank of the anchors. */
const SHAPES = [
  [1, 1, 1, 1, 1],
  [1, 33, 7, 3, 5],
  [35, 70, 34, 9, 33],
  [5, 1100, 6, 4, 3],
  [130, 70, 65, 11, 6],
  [4100, 66, 65, 5, 2],
  [65536, 2, 1, 7, 1],
];

function inputs([n, d, r, v, a]: number[], first: Dense) {
  const ids = integersBelow(v, [n], 5);
  const [projector, anchors, basis] = [normal([d, r], 2), normal([v, a], 3), normal([a, d], 4)];
  const list = [first, ids, projector, anchors, basis] as const;
  return {ids, projector, anchors, basis, list};
}

const tensors = (list: readonly Dense[]) =>
  list.map((part, i) => toTensor(part, i === 1 ? 'int32' : 'float32')) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];

async function sameTwice(run: () => tf.Tensor, expected: Dense, shapes: number[][]): Promise<void> {
  await poison(shapes);
  const y = run();
  await expectClose(y, expected);
  expect(Array.from(await run().data())).toEqual(Array.from(await y.data()));
}

describe('boundaries in tiles', () => {
  for (const shape of SHAPES) {
    const [n, d, r, , a] = shape;

    it(`encode rows=${n} width=${d} rank=${r} anchors=${a}, as in float64`, async () => {
      const x = normal([n, d], 1);
      const {list} = inputs(shape, x);
      const given = tensors(list);
      const expected = reference.boundaryEncode(...list);
      await sameTwice(() => boundaryEncode(...given), expected, [
        [n, r],
        [a, r],
      ]);
    });

    it(`decode rows=${n} width=${d} rank=${r} anchors=${a}, as in float64`, async () => {
      const z = normal([n, r], 1);
      const {list} = inputs(shape, z);
      const given = tensors(list);
      const expected = reference.boundaryDecode(...list);
      await sameTwice(() => boundaryDecode(...given), expected, [[n, d]]);
    });
  }

  it('gradients of a long encode, as in float64', async () => {
    const shape = [70, 600, 5, 6, 3];
    const [n, , r, v, a] = shape;
    const x = normal([n, 600], 1);
    const {ids, projector, anchors, basis, list} = inputs(shape, x);
    const [x_, ids_, projector_, anchors_, basis_] = tensors(list);
    const dz = normal([n, r], 6);
    const grads = tf.grads((...[p, q, s]) => boundaryEncode(p, ids_, q, s, basis_));
    const [dx, dProjector, dAnchors] = grads([x_, projector_, anchors_], toTensor(dz));
    await expectClose(dx, matMul(dz, transpose(projector)), 1e-5, 'dx');
    // Residuals x − E[ids] P, and rows of −dz (P A)ᵀ summed by id.
    const rows = dense([n, a]);
    ids.values.forEach((id, i) =>
      rows.values.set(anchors.values.subarray(id * a, (id + 1) * a), i * a),
    );
    const anchorPart = matMul(rows, basis);
    const residual = dense(
      x.shape,
      x.values.map((value, i) => value - anchorPart.values[i]),
    );
    await expectClose(dProjector, matMul(transpose(residual), dz), 1e-5, 'dA');
    const perRow = matMul(dz, transpose(matMul(basis, projector)));
    const expected = dense([v, a]);
    ids.values.forEach((id, i) => {
      for (let c = 0; c < a; c++) expected.values[id * a + c] -= perRow.values[i * a + c];
    });
    await expectClose(dAnchors, expected, 1e-5, 'dE');
  });
});
