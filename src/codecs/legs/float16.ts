/** IEEE half precision. */
import {float16ToFloat32} from '../../io/half_floats.js';
import {elementsOf} from '../check_bytes.js';
import {placeOf} from '../finite.js';
import type {LegCodec} from '../leg.js';
import {LegOptions} from '../leg_options.js';
import {lossyLeg} from './lossy_leg.js';

/** Tensors are multiplied by a power of two that brings their largest value between 2^14 and 2^15. */
const TOP = 14;

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);

/**
 * Two bytes a value: 5 bits of exponent, 10 of mantissa, rounded to nearest, ties to even.
 *
 * Gradients of a mean over many tokens are smaller than the least half, 6e−8, and would vanish. So by default a tensor is multiplied by
 * a power of two first, which costs two bytes a tensor and no precision: loss scaling (Micikevicius et al. 2017) without a loss scale.
 * With `scaled: false` values cross as they are; one above 65504 is then an error, because infinity would not be its value.
 */
export const float16LegCodec: LegCodec = {
  name: 'float16',
  version: 1,
  create(options) {
    const read = new LegOptions('float16', options);
    const scaled = read.flag('scaled', true);
    read.done();
    const head = scaled ? 2 : 0;
    return lossyLeg({
      codec: 'float16',
      settings: {scaled},
      bytesPerToken: (width) => 2 * width,
      format: {
        byteLength: (shape) => head + 2 * elementsOf('float16', shape),
        pack(values, shape) {
          const bytes = new Uint8Array(head + 2 * values.length);
          const view = new DataView(bytes.buffer);
          const exponent = scaled ? exponentOf(values) - TOP : 0;
          if (scaled) {
            view.setInt16(0, exponent, true);
          }
          const [first, second] = factorsOf(-exponent);
          for (let i = 0; i < values.length; i++) {
            const half = toHalf(values[i] * first * second);
            if ((half & 0x7c00) === 0x7c00) {
              throw new Error(
                `codec 'float16': the value at [${placeOf(i, shape).join(', ')}] is ${values[i]}, ` +
                  'expected at most 65504: leave out scaled: false, or use bfloat16',
              );
            }
            view.setUint16(head + 2 * i, half, true);
          }
          return bytes;
        },
        unpack(bytes, shape) {
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          const exponent = scaled ? view.getInt16(0, true) : 0;
          const [first, second] = factorsOf(exponent);
          const values = new Float32Array(elementsOf('float16', shape));
          for (let i = 0; i < values.length; i++) {
            values[i] = widened()[view.getUint16(head + 2 * i, true)] * first * second;
          }
          return values;
        },
      },
    });
  },
};

/** Two factors of `2^exponent`, which by itself may not be a normal number. */
function factorsOf(exponent: number): [number, number] {
  const half = Math.trunc(exponent / 2);
  return [2 ** half, 2 ** (exponent - half)];
}

let table: Float32Array | undefined;

/** Values of all halves by their bits. */
function widened(): Float32Array {
  table ??= float16ToFloat32(Uint16Array.from({length: 0x10000}, (_, bits) => bits));
  return table;
}

/** Exponent of the largest absolute value, from its bits; that of 2^TOP if there is none but 0. */
function exponentOf(values: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    largest = Math.max(largest, Math.abs(values[i]));
  }
  float[0] = largest;
  return largest === 0 ? TOP : (word[0] >>> 23) - 127;
}

/** Bits of the nearest half; those of infinity from 65520 on. */
function toHalf(value: number): number {
  float[0] = value;
  const bits = word[0];
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent >= 143) {
    return sign | 0x7c00;
  }
  if (exponent < 102) {
    return sign;
  }
  // Normal halves drop 13 bits of the mantissa; below 2^-14 more, and the leading one is written out.
  const shift = exponent >= 113 ? 13 : 126 - exponent;
  const whole = exponent >= 113 ? ((exponent - 112) << 23) | mantissa : mantissa | 0x800000;
  const kept = whole >>> shift;
  const rest = whole & (2 ** shift - 1);
  const tie = 2 ** (shift - 1);
  return sign | (rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept);
}
