/** Sums down the columns of matrices in two stages, in an order that the shape alone decides. */
import type * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from './backend.js';
import {ELEMENTWISE_SIZE} from './elementwise.js';
import {defineProgram} from './program.js';

/** An invocation a column and block of rows: neighbours read neighbouring columns. */
const blocks = defineProgram({
  name: 'SumRowBlocks',
  inputs: ['x', 'dy', 'scales'],
  outputs: ['result'],
  uniforms: {rows: 'i32', width: 'i32', blockRows: 'i32', count: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  code: () => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let block = index / uniforms.width;
      let column = index - block * uniforms.width;
      let first = block * uniforms.blockRows;
      let last = min(first + uniforms.blockRows, uniforms.rows);
      var sum = 0.0;
      for (var row = first; row < last; row = row + 1) {
        let at = row * uniforms.width + column;
        sum = sum + dy[at] * (x[at] * scales[row]);
      }
      result[index] = sum;
    }
  `,
});

const columns = defineProgram({
  name: 'SumRows',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {rows: 'i32', width: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  code: () => `
    fn main(index : i32) {
      if (index >= uniforms.width) { return; }
      var sum = 0.0;
      for (var row = 0; row < uniforms.rows; row = row + 1) {
        sum = sum + x[row * uniforms.width + index];
      }
      result[index] = sum;
    }
  `,
});

/**
 * `Σ dy x scale` over blocks of about `√n` rows.
 *
 * @param x `[n,d]`
 * @param dy `[n,d]`
 * @param scales `[n]`
 * @returns `[blocks,d]`
 */
export function sumRowBlocks(
  backend: WebgpuBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  scales: tf.TensorInfo,
): tf.TensorInfo {
  const [rows, width] = x.shape;
  const blockRows = Math.max(1, Math.ceil(Math.sqrt(rows)));
  const count = Math.ceil(rows / blockRows) * width;
  const [partial] = blocks(backend, {
    inputs: {x, dy, scales},
    outputs: {result: {shape: [count / width, width]}},
    uniforms: {rows, width, blockRows, count},
    constants: {},
    invocations: count,
  });
  return partial;
}

/** `[n,d]` → `[d]`. */
export function sumRows(backend: WebgpuBackend, x: tf.TensorInfo): tf.TensorInfo {
  const [rows, width] = x.shape;
  const [sums] = columns(backend, {
    inputs: {x},
    outputs: {result: {shape: [width]}},
    uniforms: {rows, width},
    constants: {},
    invocations: width,
  });
  return sums;
}
