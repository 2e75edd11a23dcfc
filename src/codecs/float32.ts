import {alignedCopy, checkBytes, checkValues, elementsOf} from './check_bytes.js';
import type {FloatCodec} from './codec.js';

/**
 * No compression: the four bytes of each value, little-endian as on every machine that tfjs runs
 * on. Every bit pattern, those of NaN too, comes back as it was.
 */
export const float32Codec: FloatCodec = {
  name: 'float32',
  version: 1,
  dtype: 'float32',
  byteLength: (shape) => 4 * elementsOf('float32', shape),
  pack(values, shape) {
    checkValues('float32', values, Float32Array, shape);
    return new Uint8Array(
      alignedCopy(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    );
  },
  unpack(bytes, shape) {
    checkBytes('float32', bytes, shape, 4);
    return new Float32Array(alignedCopy(bytes));
  },
};
