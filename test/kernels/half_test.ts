/** Halves, bit for bit: the kernel of this backend and the composed one. */
import * as tf from '@tensorflow/tfjs-core';
import '../../src/kernels/composed/index.js';
import {composedKernel, runKernel} from '../../src/kernels/ensure_kernel.js';
import {PackHalf, UnpackHalf} from '../../src/kernels/kernel_names.js';
import {normal} from '../support/dense.js';
import {poison} from '../support/poison.js';

type Run = (name: string, inputs: tf.NamedTensorMap, attrs?: tf.NamedAttrMap) => tf.Tensor;

const own: Run = (name, inputs, attrs) => runKernel<tf.Tensor>(name, inputs, attrs);
const composed: Run = (name, inputs, attrs = {}) =>
  composedKernel(name)(inputs, attrs) as tf.Tensor;

const RUNS: Record<string, Run> = {
  'the kernel in use': own,
  // tfjs-webgpu adds integers in float32, so that the reference cannot put words together there.
  ...(tf.getBackend() === 'webgpu' ? {} : {'the composed reference': composed}),
};

/** Value of the half with these bits, from the definition. */
function valueOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const place = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (place === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return place === 0
    ? sign * mantissa * 2 ** -24
    : sign * (1 + mantissa / 1024) * 2 ** (place - 15);
}

/** Halves of a packed tensor, lower one first. */
async function halvesOf(packed: tf.Tensor): Promise<number[]> {
  return Array.from(await packed.data()).flatMap((word) => [word & 0xffff, word >>> 16]);
}

const word = (low: number, high: number) => (high << 16) | low;

for (const [what, run] of Object.entries(RUNS)) {
  describe(`halves, ${what}`, () => {
    it('are unpacked to their values, all 65,536', async () => {
      const words = Int32Array.from({length: 32768}, (_, i) => word(2 * i, 2 * i + 1));
      const shape = [256, 256];
      await poison([shape]);
      const out = run(UnpackHalf, {packed: tf.tensor1d(words, 'int32')}, {shape});
      expect(out.shape).toEqual(shape);
      const values = await out.data();
      // Jasmine tells -0 from 0: the sign of zero is not part of the contract.
      const wrong = values.findIndex((value, i) => {
        const expected = valueOf(i);
        return Number.isNaN(expected) ? !Number.isNaN(value) : value !== expected;
      });
      expect(wrong).toBe(-1);
    });

    it('come back from all values that are halves', async () => {
      // Negative zero, and NaN of another payload, are not told from their like.
      const bits = Array.from({length: 65536}, (_, i) => i).filter(
        (i) => i !== 0x8000 && ((i & 0x7fff) <= 0x7c00 || i === 0x7e00),
      );
      const x = tf.tensor1d(bits.map(valueOf));
      const packed = run(PackHalf, {x});
      expect((await halvesOf(packed)).slice(0, bits.length)).toEqual(bits);
    });

    it('are the nearest, ties to even', async () => {
      const ulp = 2 ** -10;
      const pairs: Array<[value: number, half: number]> = [
        [1 + ulp / 2, 0x3c00],
        [1 + 1.5 * ulp, 0x3c02],
        [1 + 0.5001 * ulp, 0x3c01],
        [-1 - 1.4999 * ulp, 0xbc01],
        // Carries into the exponent.
        [2 - ulp / 4, 0x4000],
        // Subnormals, and what is too small for one: up to 2^-25 it is zero.
        [2 ** -14 - 2 ** -26, 0x0400],
        [2.5 * 2 ** -24, 2],
        [-3.5 * 2 ** -24, 0x8004],
        [2 ** -25, 0],
        [-(2 ** -25), 0],
        [2 ** -25 + 2 ** -40, 1],
        [1e-30, 0],
        // Infinity begins halfway between 65504 and 65536.
        [65519.996, 0x7bff],
        [65520, 0x7c00],
        [-1e30, 0xfc00],
        [Infinity, 0x7c00],
        [-Infinity, 0xfc00],
        [NaN, 0x7e00],
        [0, 0],
      ];
      const packed = run(PackHalf, {x: tf.tensor1d(pairs.map(([value]) => value))});
      expect((await halvesOf(packed)).slice(0, pairs.length)).toEqual(pairs.map(([, h]) => h));
    });

    for (const shape of [[1], [2], [3, 5], [2, 3, 129], [0]]) {
      it(`of [${shape}] are within 2^-11 of the values, two a word`, async () => {
        const source = normal(shape, 7, 4);
        const x = tf.tensor(Float32Array.from(source.values), shape);
        const packed = run(PackHalf, {x});
        expect([packed.dtype, packed.shape]).toEqual(['int32', [Math.ceil(x.size / 2)]]);
        const back = await run(UnpackHalf, {packed}, {shape}).data();
        expect(back.length).toBe(x.size);
        back.forEach((value, i) => {
          const limit = Math.max(Math.abs(source.values[i]) * 2 ** -11, 2 ** -25);
          expect(Math.abs(value - source.values[i])).toBeLessThanOrEqual(limit);
        });
      });
    }
  });
}
