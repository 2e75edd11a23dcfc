/**
 * `PackHalf` and `UnpackHalf` on `webgpu`. By the bits, without the feature `shader-f16` and without `pack2x16float`: of those
 * WGSL leaves open how they round and what becomes of subnormals, infinity and NaN, and halves are the same on every device here.
 */
import * as tf from '@tensorflow/tfjs-core';
import type {PackHalfInputs, UnpackHalfAttrs, UnpackHalfInputs} from '../kernel_names.js';
import {ELEMENTWISE_SIZE} from './elementwise.js';
import {defineProgram, webgpuKernel} from './program.js';

/** An invocation a word; the last one of an odd count has one value. */
const pack = defineProgram({
  name: 'PackHalf',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {words: 'i32', count: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  code: () => `
    fn halfOf(value : f32) -> u32 {
      let bits = bitcast<u32>(value);
      let size = bits & 0x7fffffffu;
      // From 2^-14 on, 13 bits of the mantissa go; below, more of them, and the leading one is written out.
      let subnormal = size < 0x38800000u;
      let shift = select(13u, min(126u - (size >> 23u), 31u), subnormal);
      let whole = select(size - 0x38000000u, (size & 0x7fffffu) | 0x800000u, subnormal);
      // Just under half, and one more where the last kept bit is odd: to nearest, ties to even.
      let rounded = (whole + (1u << (shift - 1u)) - 1u + ((whole >> shift) & 1u)) >> shift;
      let half = select(rounded, 0x7c00u, size >= 0x477ff000u);
      let signed = select(half | ((bits >> 16u) & 0x8000u), 0u, half == 0u);
      return select(signed, 0x7e00u, size > 0x7f800000u);
    }
    fn main(index : i32) {
      if (index >= uniforms.words) { return; }
      let low = halfOf(x[2 * index]);
      var high = 0u;
      if (2 * index + 1 < uniforms.count) { high = halfOf(x[2 * index + 1]); }
      result[index] = bitcast<i32>(low | (high << 16u));
    }
  `,
});

const unpack = defineProgram({
  name: 'UnpackHalf',
  inputs: ['packed'],
  outputs: ['result'],
  uniforms: {words: 'i32', count: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  code: () => `
    fn floatOf(half : u32) -> f32 {
      let sign = (half & 0x8000u) << 16u;
      let size = half & 0x7fffu;
      // Subnormals are multiples of 2^-24. Infinity and NaN keep the largest exponent.
      let small = bitcast<u32>(f32(size) * 5.9604644775390625e-8);
      let normal = (size + 0x1c000u) << 13u;
      let special = 0x7f800000u | (size << 13u);
      let number = select(normal, small, size < 0x400u);
      return bitcast<f32>(sign | select(number, special, size >= 0x7c00u));
    }
    fn main(index : i32) {
      if (index >= uniforms.words) { return; }
      let word = bitcast<u32>(packed[index]);
      result[2 * index] = floatOf(word & 0xffffu);
      if (2 * index + 1 < uniforms.count) { result[2 * index + 1] = floatOf(word >> 16u); }
    }
  `,
});

export const packHalf = webgpuKernel<PackHalfInputs>((backend, {x}) => {
  const count = tf.util.sizeFromShape(x.shape);
  const words = Math.ceil(count / 2);
  const [packed] = pack(backend, {
    inputs: {x},
    outputs: {result: {shape: [words], dtype: 'int32'}},
    uniforms: {words, count},
    constants: {},
    invocations: words,
  });
  return packed;
});

export const unpackHalf = webgpuKernel<UnpackHalfInputs, UnpackHalfAttrs>(
  (backend, {packed}, {shape}) => {
    const [words] = packed.shape;
    const [x] = unpack(backend, {
      inputs: {packed},
      outputs: {result: {shape}},
      uniforms: {words, count: tf.util.sizeFromShape(shape)},
      constants: {},
      invocations: words,
    });
    return x;
  },
);
