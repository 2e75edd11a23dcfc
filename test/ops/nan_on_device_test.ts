/** Values for rvqEncode that an op on the device made and that are not finite: an error where they can be read, else −1. */
import * as tf from '@tensorflow/tfjs-core';
import {checkFinite} from '../../src/codecs/finite.js';
import {packIndices} from '../../src/codecs/rvq/bit_packing.js';
import {CodeCounts} from '../../src/diagnostics/index.js';
import {rvqDecode, rvqEncode} from '../../src/ops/index.js';
import {readLoss} from '../../src/pipeline/receive.js';

/** So many that tfjs-webgpu computes with them on the device, not on the host. */
const ROWS = 500;
const [ROUNDS, GROUPS, CODES] = [2, 2, 3];

/** `[ROWS, width]` of ones and, at one place, `value`, of which only the backend knows the values. */
function made(width: number, at: [number, number], value: number): tf.Tensor {
  const values = new Float32Array(ROWS * width).fill(1);
  values[at[0] * width + at[1]] = value;
  return tf.add(tf.zeros([ROWS, width]), tf.tensor2d(values, [ROWS, width]));
}

/** Codes 0, 1 and 2 in all columns; those of the second round half as large. */
function codebooks(width: number): tf.Tensor {
  const steps = tf.reshape(tf.range(0, CODES, 1, 'float32'), [1, 1, CODES, 1]);
  const scales = tf.tensor([1, 0.5], [ROUNDS, 1, 1, 1]);
  return tf.mul(tf.mul(steps, scales), tf.ones([ROUNDS, GROUPS, CODES, width / GROUPS]));
}

describe('values that are not finite and were made on the device', () => {
  // Groups whose residuals are in workgroup memory, and such that are too wide.
  for (const width of [6, 140]) {
    for (const value of [NaN, Infinity, -Infinity]) {
      it(`${value} in ${width} columns has no code in its group of its row`, async () => {
        const column = width - 1;
        const encode = () => rvqEncode(made(width, [77, column], value), codebooks(width));
        if (tf.getBackend() !== 'webgpu') {
          expect(encode).toThrowError(
            `rvqEncode: 'z'[77,${column}] is ${value}; expected finite numbers only. ` +
              'Look for what made it: a learning rate that is too high, a division by zero.',
          );
          return;
        }
        const indices = encode();
        const expected = Array.from({length: ROUNDS * ROWS * GROUPS}, (_, i) => {
          const [round, row, group] = tf.util.indexToLoc(i, 3, [ROWS * GROUPS, GROUPS, 1]);
          return row === 77 && group === 1 ? -1 : round === 0 ? 1 : 0;
        });
        const decoded = Array.from(await rvqDecode(indices, codebooks(width)).data());
        expect(decoded.map(Number.isNaN)).toEqual(
          decoded.map((_, i) => Math.floor(i / width) === 77 && i % width >= width / 2),
        );
        await expectAsync(
          readLoss(tf.sum(rvqDecode(indices, codebooks(width)))),
        ).toBeRejectedWithError('the loss is NaN');
        await expectAsync(
          checkFinite(rvqDecode(indices, codebooks(width)), 'its output'),
        ).toBeRejectedWithError(`its output has NaN at [77, ${width / 2}]`);
        const codes = (await indices.data()) as Int32Array;
        expect(Array.from(codes)).toEqual(expected);
        expect(() => packIndices(codes, CODES)).toThrowError(
          /index -1 at 155, expected 0 to 2; .* NaN or infinite/,
        );
        expect(() => rvqDecode(indices, codebooks(width))).toThrowError(
          /rvqDecode: 'indices'\[0,77,1\] is -1; .* NaN or infinite/,
        );
        const counts = new CodeCounts({rounds: ROUNDS, groups: GROUPS, codes: CODES});
        await expectAsync(counts.add(indices)).toBeRejectedWithError(/is -1, .* NaN or infinite/);
      });
    }
  }

  it('in a code leave no index in its round and group', async () => {
    const width = 2 * GROUPS;
    const bad = new Float32Array(ROUNDS * GROUPS * 300 * 2);
    bad[((1 * GROUPS + 0) * 300 + 299) * 2 + 1] = NaN;
    const books = () =>
      tf.add(tf.zeros([ROUNDS, GROUPS, 300, 2]), tf.tensor(bad, [ROUNDS, GROUPS, 300, 2]));
    const encode = () => rvqEncode(tf.ones([40, width]), books());
    if (tf.getBackend() !== 'webgpu') {
      expect(encode).toThrowError(/rvqEncode: 'codebooks'\[1,0,299,1\] is NaN; expected finite/);
      return;
    }
    const codes = Array.from(await encode().data());
    expect(codes).toEqual(codes.map((_, i) => (i >= 40 * GROUPS && i % GROUPS === 0 ? -1 : 0)));
  });

  it('are refused in the words of the other backends once they were read', async () => {
    const z = made(4, [3, 2], NaN);
    await z.data();
    expect(() => rvqEncode(z, codebooks(4))).toThrowError(/rvqEncode: 'z'\[3,2\] is NaN; expected/);
  });
});
