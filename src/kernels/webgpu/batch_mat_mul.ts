/**
 * Products with a long inner dimension and a small result, such as the gradient of a projector over a whole batch of tokens.
 * tfjs-webgpu 4.22 cuts the inner dimension of these and adds the parts by atomics, in whatever order its threads run: the
 * last bits change from run to run.
 */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from './backend.js';
import {defineProduct, planProduct} from './product.js';

/** tfjs-webgpu cuts inner dimensions from 2000 on … */
const LONG = 2000;

/** … of results of more than 128 entries … */
const TINY = 128;

/** … and of at most 8 tiles of 32×32, 16 on some devices, twice as many for few rows. */
const FEW_TILES = 32;

/** tfjs-webgpu's name for its program with small tiles, for the flag WEBGPU_MATMUL_PROGRAM_TYPE. */
const SMALL_TILES = 2;

type MatMulAttrs = {
  transposeA: boolean;
  transposeB: boolean;
};

const product = defineProduct({
  name: 'LongProduct',
  inputs: ['a', 'b'],
  uniforms: {inner: 'i32'},
  summands: ({transposeA, transposeB}: MatMulAttrs) => [
    {
      left: transposeA ? 'a[k * uniforms.rows + row]' : 'a[row * uniforms.inner + k]',
      right: transposeB ? 'b[column * uniforms.inner + k]' : 'b[k * uniforms.columns + column]',
      leftByRow: transposeA,
      rightByColumn: !transposeB,
      inner: 'uniforms.inner',
    },
  ],
});

/** Rows, columns and inner dimension, if tfjs-webgpu might add in any order. */
function longProduct(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  {transposeA, transposeB}: MatMulAttrs,
): {rows: number; columns: number; inner: number} | null {
  const [p, q] = a.shape.slice(-2);
  const [r, s] = b.shape.slice(-2);
  const [rows, inner] = transposeA ? [q, p] : [p, q];
  const columns = transposeB ? r : s;
  const matrices = [a, b].map(({shape}) => tf.util.sizeFromShape(shape.slice(0, -2)));
  const tiles = Math.ceil(rows / 32) * Math.ceil(columns / 32);
  const isCut =
    a.dtype === 'float32' &&
    b.dtype === 'float32' &&
    Math.max(...matrices) === 1 &&
    inner >= LONG &&
    inner === (transposeB ? s : r) &&
    rows * columns > TINY &&
    tiles <= FEW_TILES;
  return isCut ? {rows, columns, inner} : null;
}

/**
 * `BatchMatMul` that adds in one order. Other products go to tfjs-webgpu's own kernel.
 *
 * @param original that kernel
 */
export function batchMatMulKernel(original: tf.KernelFunc): tf.KernelFunc {
  return (args) => {
    const {a, b} = args.inputs as {a: tf.TensorInfo; b: tf.TensorInfo};
    const {transposeA, transposeB} = args.attrs as unknown as MatMulAttrs;
    const long = longProduct(a, b, {transposeA, transposeB});
    if (long == null) return original(args);
    const {rows, columns, inner} = long;
    const leading = Math.max(a.shape.length, b.shape.length) - 2;
    return product(args.backend as WebgpuBackend, {
      inputs: {a, b},
      plan: planProduct(1, rows, columns, inner, true),
      shape: [...new Array<number>(leading).fill(1), rows, columns],
      uniforms: {inner},
      constants: {transposeA, transposeB},
    });
  };
}

/**
 * `_FusedMatMul`, a product with bias and activation, that adds in one order: its programs with small tiles do.
 *
 * @param original tfjs-webgpu's kernel
 */
export function fusedMatMulKernel(original: tf.KernelFunc): tf.KernelFunc {
  return (args) => {
    const {a, b} = args.inputs as {a: tf.TensorInfo; b: tf.TensorInfo};
    if (longProduct(a, b, args.attrs as unknown as MatMulAttrs) == null) return original(args);
    const flag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
    const before = tf.env().getNumber(flag);
    tf.env().set(flag, SMALL_TILES);
    try {
      return original(args);
    } finally {
      tf.env().set(flag, before);
    }
  };
}
