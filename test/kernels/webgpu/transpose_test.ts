/** Transposes of integers that lie on the device: tfjs-webgpu's own shader for them is refused. */
import * as tf from '@tensorflow/tfjs-core';

/** `perm` of a dense array of `shape`, element by element. */
function transposed(values: number[], shape: number[], perm: number[]): number[] {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const target = perm.map((axis) => shape[axis]);
  return values.map((_, flat) => {
    let rest = flat;
    let source = 0;
    for (let i = target.length - 1; i >= 0; i--) {
      source += (rest % target[i]) * strides[perm[i]];
      rest = Math.floor(rest / target[i]);
    }
    return values[source];
  });
}

const CASES: [shape: number[], perm: number[]][] = [
  [
    [30, 50],
    [1, 0],
  ],
  [
    [20, 30, 4],
    [1, 0, 2],
  ],
  [
    [9, 8, 5, 7],
    [3, 1, 0, 2],
  ],
];

describe('transpose', () => {
  for (const [shape, perm] of CASES) {
    const size = tf.util.sizeFromShape(shape);

    for (const dtype of ['int32', 'bool', 'float32'] as const) {
      it(`of ${dtype} [${shape}] by [${perm}]`, async () => {
        const values = Array.from({length: size}, (_, i) =>
          dtype === 'bool' ? (i % 3) % 2 : i - 100,
        );
        const y = tf.transpose(tf.tensor(values, shape, dtype), perm);
        expect(y.dtype).toBe(dtype);
        expect(y.shape).toEqual(perm.map((axis) => shape[axis]));
        expect(Array.from(await y.data())).toEqual(transposed(values, shape, perm));
      });
    }
  }

  it('of a mask that was cast to float32, as masked RNNs do it', async () => {
    const [shape, perm] = CASES[1];
    const values = Array.from({length: tf.util.sizeFromShape(shape)}, (_, i) => (i % 3) % 2);
    const y = tf.transpose(tf.cast(tf.tensor(values, shape, 'bool'), 'float32'), perm);
    expect(y.dtype).toBe('float32');
    expect(Array.from(await y.data())).toEqual(transposed(values, shape, perm));
  });

  it('keeps integers that float32 has not', async () => {
    const shape = [11, 13, 9];
    const values = Array.from({length: 11 * 13 * 9}, (_, i) => 2 ** 24 + 2 * i + 1);
    const y = tf.transpose(tf.tensor(values, shape, 'int32'), [2, 0, 1]);
    expect(Array.from(await y.data())).toEqual(transposed(values, shape, [2, 0, 1]));
  });
});
