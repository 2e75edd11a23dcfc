import {alignedCopy, checkBytes, checkValues, elementsOf} from './check_bytes.js';
import type {FloatCodec} from './codec.js';

/**
 * The upper half of a float32: 8 bits of exponent, 7 of mantissa, two bytes, little-endian.
 *
 * Rounds to nearest, ties to even; what is too large becomes infinity. NaN stays NaN: one whose
 * payload is only in the lower half, which would become infinity, gets the quiet bit. All 65536
 * bfloat16 values come back as they were. Works on the bits, for no conversion then touches a NaN.
 */
export const bfloat16Codec: FloatCodec = {
  name: 'bfloat16',
  version: 1,
  dtype: 'float32',
  byteLength: (shape) => 2 * elementsOf('bfloat16', shape),
  pack(values, shape) {
    checkValues('bfloat16', values, Float32Array, shape);
    const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
    const packed = new Uint16Array(bits.length);
    for (let i = 0; i < bits.length; i++) {
      const word = bits[i];
      const upper = word >>> 16;
      if ((word & 0x7fffffff) > 0x7f800000) {
        packed[i] = (upper & 0x7f) === 0 ? upper | 0x40 : upper;
      } else {
        // Adding just under half, plus one where the last kept bit is odd, rounds ties to even.
        packed[i] = (word + 0x7fff + (upper & 1)) >>> 16;
      }
    }
    return new Uint8Array(packed.buffer);
  },
  unpack(bytes, shape) {
    checkBytes('bfloat16', bytes, shape, 2);
    const packed = new Uint16Array(alignedCopy(bytes));
    const bits = new Uint32Array(packed.length);
    for (let i = 0; i < packed.length; i++) {
      bits[i] = packed[i] << 16;
    }
    return new Float32Array(bits.buffer);
  },
};
