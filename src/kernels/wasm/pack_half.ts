/** `PackHalf` and `UnpackHalf` for wasm: one pass over the heap each. */
import * as tf from '@tensorflow/tfjs-core';
import {floats, integers, type WasmKernel} from './wasm_backend.js';

/** Bits of the nearest half from those of a float32. */
function halfOf(bits: number): number {
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return 0x7e00;
  const sign = (bits >>> 16) & 0x8000;
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Up to 2^-25, which is a tie, all is zero.
  if (size <= 0x33000000) return 0;
  const subnormal = size < 0x38800000;
  const shift = subnormal ? 126 - (size >>> 23) : 13;
  const whole = subnormal ? (size & 0x7fffff) | 0x800000 : size - 0x38000000;
  return sign | ((whole + (1 << (shift - 1)) - 1 + ((whole >>> shift) & 1)) >>> shift);
}

export const packHalf: WasmKernel = ({inputs, backend}) => {
  const count = tf.util.sizeFromShape(inputs.x.shape);
  const out = backend.makeOutput([Math.ceil(count / 2)], 'int32');
  const bits = integers(backend, inputs.x);
  const packed = integers(backend, out);
  for (let i = 0; i < packed.length; i++) {
    const high = 2 * i + 1 < count ? halfOf(bits[2 * i + 1]) : 0;
    packed[i] = halfOf(bits[2 * i]) | (high << 16);
  }
  return out;
};

/** `2^e` of the exponents of halves, subnormals first: `2^-14, 2^-14, 2^-13, … 2^15`. */
const SCALES = Float64Array.from({length: 31}, (_, place) => 2 ** (Math.max(place, 1) - 15));

function floatOf(half: number): number {
  const size = half & 0x7fff;
  const place = size >>> 10;
  const mantissa = size & 0x3ff;
  const value =
    place === 31
      ? mantissa === 0
        ? Infinity
        : NaN
      : ((place === 0 ? 0 : 1) + mantissa / 1024) * SCALES[place];
  return half & 0x8000 ? -value : value;
}

export const unpackHalf: WasmKernel = ({inputs, attrs, backend}) => {
  const out = backend.makeOutput(attrs!.shape as number[], 'float32');
  const packed = integers(backend, inputs.packed);
  const x = floats(backend, out);
  for (let i = 0; i < x.length; i++) {
    x[i] = floatOf((packed[i >> 1] >>> ((i & 1) * 16)) & 0xffff);
  }
  return out;
};
