/** Gradients of ops through the tape, against float64 formulas, at sizes beyond finite differences. */
import * as tf from '@tensorflow/tfjs-core';
import {
  boundaryDecode,
  boundaryEncode,
  rotaryEmbedding,
  rvqDecode,
} from '../../../src/ops/index.js';
import {
  dense,
  expectClose,
  integersBelow,
  matMul,
  toTensor,
  transpose,
  type Dense,
} from '../../support/dense.js';
import {BOUNDARIES, boundary} from './boundary_tables.js';
import {fresh, TOLERANCE} from './case.js';
import {scatterRows} from './references.js';
import {freshSeed, runSeed} from './seed.js';

const rowsOf = (table: Dense, ids: Dense) => {
  const width = table.shape[1];
  const out = dense([ids.values.length, width]);
  ids.values.forEach((id, i) =>
    out.values.set(table.values.subarray(id * width, (id + 1) * width), i * width),
  );
  return out;
};
const plus = (a: Dense, b: Dense, sign = 1) =>
  dense(
    a.shape,
    a.values.map((v, i) => v + sign * b.values[i]),
  );
const negative = (a: Dense) =>
  dense(
    a.shape,
    a.values.map((v) => -v),
  );

async function expectGradients(
  op: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: Dense[],
  dy: Dense,
  expected: Record<string, Dense>,
): Promise<void> {
  const grads = tf.grads(op)(
    inputs.map((input) => toTensor(input)),
    toTensor(dy),
  );
  for (const [i, name] of Object.keys(expected).entries()) {
    await expectClose(grads[i], expected[name], TOLERANCE, `gradient for '${name}'`);
  }
}

describe(`gradients in float32 against float64 (seed ${runSeed()})`, () => {
  for (const size of BOUNDARIES) {
    const [n, d, r, v] = size;

    it(`boundaryEncode at [${size}]`, async () => {
      const {ids, projector, anchors, basis} = boundary(size);
      const [x, dz] = [fresh([n, d], 1), fresh([n, r], 6)];
      const rows = rowsOf(anchors, ids);
      const perRow = negative(matMul(dz, transpose(matMul(basis, projector))));
      const $ids = toTensor(ids, 'int32');
      await expectGradients(
        (a, b, c, e) => boundaryEncode(a, $ids, b, c, e),
        [x, projector, anchors, basis],
        dz,
        {
          x: matMul(dz, transpose(projector)),
          projector: matMul(transpose(plus(x, matMul(rows, basis), -1)), dz),
          anchors: scatterRows({rows: perRow, ids}, {numSegments: v})[0],
          basis: negative(matMul(matMul(transpose(rows), dz), transpose(projector))),
        },
      );
    });

    it(`boundaryDecode at [${size}]`, async () => {
      const {ids, projector, anchors, basis} = boundary(size);
      const [z, dx] = [fresh([n, r], 1), fresh([n, d], 6)];
      const perRow = matMul(dx, transpose(basis));
      const $ids = toTensor(ids, 'int32');
      await expectGradients(
        (a, b, c, e) => boundaryDecode(a, $ids, b, c, e),
        [z, projector, anchors, basis],
        dx,
        {
          z: matMul(dx, projector),
          projector: matMul(transpose(dx), z),
          anchors: scatterRows({rows: perRow, ids}, {numSegments: v})[0],
          basis: matMul(transpose(rowsOf(anchors, ids)), dx),
        },
      );
    });
  }

  for (const [b, h, t, k] of [
    [1, 1, 1, 2],
    [2, 3, 5, 14],
    [1, 1, 65536, 2],
  ]) {
    it(`rotaryEmbedding at [${[b, h, t, k]}]`, async () => {
      const half = k / 2;
      const [x, dy] = [fresh([b, h, t, k], 1), fresh([b, h, t, k], 4)];
      const [cos, sin] = [fresh([t, half], 2), fresh([t, half], 3)];
      const [dx, dcos, dsin] = [dense(x.shape), dense(cos.shape), dense(sin.shape)];
      for (let i = 0; i < x.values.length; i++) {
        if (i % k >= half) continue;
        const at = (Math.floor(i / k) % t) * half + (i % k);
        const [c, s] = [cos.values[at], sin.values[at]];
        const [x0, x1] = [x.values[i], x.values[i + half]];
        const [g0, g1] = [dy.values[i], dy.values[i + half]];
        dx.values[i] = g0 * c + g1 * s;
        dx.values[i + half] = g1 * c - g0 * s;
        dcos.values[at] += g0 * x0 + g1 * x1;
        dsin.values[at] += g1 * x0 - g0 * x1;
      }
      const expected = {x: dx, cos: dcos, sin: dsin};
      await expectGradients(rotaryEmbedding, [x, cos, sin], dy, expected);
    });
  }

  for (const [n, rounds, groups, codes, width] of [
    [1, 1, 1, 1, 1],
    [33, 2, 3, 40, 5],
    [65536, 2, 1, 3, 1],
  ]) {
    it(`rvqDecode of ${n} rows, codebooks [${[rounds, groups, codes, width]}]`, async () => {
      const indices = integersBelow(codes, [rounds, n, groups], freshSeed(1));
      const dz = fresh([n, groups * width], 3);
      const expected = dense([rounds, groups, codes, width]);
      indices.values.forEach((code, i) => {
        const [round, row, group] = [
          Math.floor(i / groups / n),
          Math.floor(i / groups) % n,
          i % groups,
        ];
        const book = ((round * groups + group) * codes + code) * width;
        for (let j = 0; j < width; j++) {
          expected.values[book + j] += dz.values[(row * groups + group) * width + j];
        }
      });
      const $indices = toTensor(indices, 'int32');
      const codebooks = fresh(expected.shape, 2);
      await expectGradients((books) => rvqDecode($indices, books), [codebooks], dz, {
        codebooks: expected,
      });
    });
  }
});
