/** 16-bit floats as files hold them, widened to float32. Exact: every such number is a float32. */
import {refuseValue} from '../ops/check_values.js';

const pattern = new Uint32Array(1);
const value = new Float32Array(pattern.buffer);

/** Widens bfloat16 numbers, the upper halves of float32. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  checkBits('bfloat16ToFloat32', bits);
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    wide[i] = bits[i] << 16;
  }
  return new Float32Array(wide.buffer);
}

/** Widens IEEE 754 half precision numbers: 1 bit sign, 5 bits exponent, 10 bits fraction. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  checkBits('float16ToFloat32', bits);
  return Float32Array.from(bits, widen);
}

function checkBits(where: string, bits: Uint16Array): void {
  if (!(bits instanceof Uint16Array)) refuseValue(where, 'bits', bits, 'a Uint16Array');
}

function widen(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) {
    return sign * fraction * 2 ** -24;
  }
  if (exponent === 0x1f) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  pattern[0] = ((half & 0x8000) << 16) | ((exponent + 112) << 23) | (fraction << 13);
  return value[0];
}
