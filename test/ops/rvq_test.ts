import * as tf from '@tensorflow/tfjs-core';
import {rvqDecode, rvqEncode} from '../../src/ops/index.js';
import {dense, expectClose, normal, toTensor} from '../support/dense.js';
import * as reference from '../support/rvq_reference.js';
import golden from '../fixtures/mapl.json' with {type: 'json'};

/** Rows, rounds, groups, codes, width of a code. */
const SIZES = [
  [1, 1, 1, 1, 1],
  [5, 1, 1, 3, 7],
  [3, 2, 5, 4, 1],
  [17, 3, 2, 33, 3],
  [130, 2, 3, 257, 2],
];

describe('rvqEncode and rvqDecode', () => {
  it('match the fixture exactly', async () => {
    const {z, codebooks, indices, zhat} = golden.rvq;
    const encoded = rvqEncode(z, codebooks);
    expect(encoded.shape).toEqual([3, 64, 4]);
    expect(encoded.dtype).toBe('int32');
    expect(Array.from(await encoded.data())).toEqual((indices as number[][][]).flat(2));
    const decoded = rvqDecode(encoded, codebooks);
    expect(decoded.shape).toEqual([64, 8]);
    const expected = Float32Array.from((zhat as number[][]).flat());
    await expectClose(decoded, dense([64, 8], expected), 1e-6);
  });

  for (const size of SIZES) {
    const [count, rounds, groups, codes, width] = size;
    it(`rows ${count}, R ${rounds}, G ${groups}, K ${codes}, width ${width}: as in float64`, async () => {
      const z = normal([count, groups * width], 1);
      const codebooks = normal([rounds, groups, codes, width], 2);
      const expected = reference.rvqEncode(z, codebooks);
      const indices = rvqEncode(toTensor(z), toTensor(codebooks));
      await expectClose(indices, expected, 1e-6, 'indices');
      const decoded = rvqDecode(indices, toTensor(codebooks));
      await expectClose(decoded, reference.rvqDecode(expected, codebooks), 1e-6, 'decoded');
    });
  }

  it('take the lowest of equally near codes', async () => {
    // Codes 3 and 5 are one vector; 0 lies between codes ±1; and 33 equal codes span any chunk of a kernel.
    const twins = normal([1, 1, 7, 4], 3);
    twins.values.copyWithin(20, 12, 16);
    const third = dense([1, 4], twins.values.slice(12, 16));
    expect(Array.from(await rvqEncode(toTensor(third), toTensor(twins)).data())).toEqual([3]);
    expect(Array.from(await rvqEncode([[0]], [[[[2], [1], [-1]]]]).data())).toEqual([1]);
    const same = tf.ones([2, 1, 33, 2]) as tf.Tensor4D;
    expect(Array.from(await rvqEncode(tf.zeros([2, 2]), same).data())).toEqual([0, 0, 0, 0]);
  });

  it('find the nearest code far from zero, where |z|² − 2zc + |c|² would cancel', async () => {
    // Distances 0.0625² and 0.125² around 4096.
    const codebooks = [[[[4096.125], [4095.9375], [4097]]]];
    expect(Array.from(await rvqEncode([[4096]], codebooks).data())).toEqual([1]);
  });

  it('keep leading dimensions', async () => {
    const z = normal([2, 3, 6], 1);
    const codebooks = normal([2, 3, 5, 2], 2);
    const indices = rvqEncode(toTensor(z), toTensor(codebooks));
    expect(indices.shape).toEqual([2, 2, 3, 3]);
    const flat = rvqEncode(toTensor(dense([6, 6], z.values)), toTensor(codebooks));
    expect(Array.from(await indices.data())).toEqual(Array.from(await flat.data()));
    expect(rvqDecode(indices, toTensor(codebooks)).shape).toEqual([2, 3, 6]);
    expect(rvqEncode(tf.zeros([6]), toTensor(codebooks)).shape).toEqual([2, 3]);
    expect(rvqEncode(tf.zeros([0, 6]), toTensor(codebooks)).shape).toEqual([2, 0, 3]);
    expect(rvqDecode(tf.zeros([2, 0, 3], 'int32'), toTensor(codebooks)).shape).toEqual([0, 6]);
  });

  it('count 4096 rows with 256 codes, more than one chunk of distances', async () => {
    const z = normal([4160, 4], 5);
    const codebooks = normal([1, 4, 256, 1], 6);
    const indices = await rvqEncode(toTensor(z), toTensor(codebooks)).data();
    const expected = reference.rvqEncode(dense([65, 4], z.values.slice(-260)), codebooks);
    expect(Array.from(indices.slice(-260))).toEqual(Array.from(expected.values));
  });

  it('name what is wrong', () => {
    const books = tf.zeros([2, 3, 5, 2]) as tf.Tensor4D;
    const z = tf.zeros([4, 6]);
    const ids = (shape: number[]) => tf.zeros(shape, 'int32');
    const cases: Array<[() => unknown, RegExp]> = [
      [() => rvqEncode(tf.zeros([4, 8]), books), /'z' is 8; expected 6.*cannot be cut into 3/],
      [() => rvqEncode(tf.zeros([4, 9]), books), /'z' is 9; expected 6.*need codes of width 3/],
      [() => rvqEncode(tf.zeros([4, 6], 'int32'), books), /'z' is a int32 tensor.*float32/],
      [() => rvqEncode(z, tf.zeros([3, 5, 2])), /'codebooks' has shape \[3,5,2\]; expected \[R, G/],
      [
        () => rvqEncode(z, tf.zeros([2, 3, 0, 2])),
        /'codebooks' has shape \[2,3,0,2\]; expected at/,
      ],
      [() => rvqEncode([[0, NaN]], [[[[1, 2]]]]), /rvqEncode: 'z'\[0,1\] is NaN; expected finite/],
      [() => rvqEncode([[-Infinity]], [[[[1]]]]), /'z'\[0,0\] is -Infinity; expected finite/],
      [() => rvqEncode([[1]], [[[[NaN]]]]), /'codebooks'\[0,0,0,0\] is NaN; expected finite/],
      [() => rvqDecode(ids([1, 4, 3]), books), /first dimension of 'indices' is 1; expected 2/],
      [() => rvqDecode(ids([2, 4, 2]), books), /last dimension of 'indices' is 2; expected 3/],
      [() => rvqDecode(tf.zeros([2, 4, 3]), books), /'indices' is a float32 tensor.*int32/],
      [
        () => rvqDecode([[[0]], [[5]]], tf.zeros([2, 1, 5, 2])),
        /'indices'\[1,0,0\] is 5; .* 0 to 4/,
      ],
      [
        () => rvqDecode([[[-1]], [[0]]], tf.zeros([2, 1, 5, 2])),
        /'indices'\[0,0,0\] is -1; .* 0 to/,
      ],
      [
        () => rvqEncode([[0, 1], [2]], [[[[1, 2]]]]),
        /rvqEncode: 'z' has lists of different lengths; expected .*\[2,2\], throughout/,
      ],
      [
        () => rvqDecode([[[0], [0, 0]]], books),
        /rvqDecode: 'indices' has lists of different lengths; expected .*\[1,2,1\], throughout/,
      ],
      // Codebooks that were made of vectors with NaN have it too: the vectors are named.
      [() => rvqEncode([[NaN]], [[[[NaN]]]]), /'z'\[0,0\] is NaN/],
      [() => rvqEncode('z' as never, books), /'z' is 'z'; expected a float32 tensor/],
    ];
    for (const [act, message] of cases) {
      expect(act).toThrowError(message);
    }
  });

  it('leave no tensors behind', () => {
    const z = toTensor(normal([9, 6], 1));
    const books = toTensor(normal([2, 3, 5, 2], 2));
    rvqDecode(rvqEncode(z, books), books).dispose();
    const before = tf.memory().numTensors;
    const indices = rvqEncode(z, books);
    const decoded = rvqDecode(indices, books);
    tf.dispose([indices, decoded]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
