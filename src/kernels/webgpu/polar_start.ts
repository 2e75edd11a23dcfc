/** The matrix that the steps of `PolarFactor` begin with: tall, and scaled to a norm below 1. */
import type * as tf from '@tensorflow/tfjs-core';
import {POLAR_EXTREME, POLAR_SAFETY} from '../composed/polar_express.js';
import type {WebgpuBackend} from './backend.js';
import {webgpuFeatures} from './features.js';
import {defineProgram} from './program.js';
import {reduceSnippet} from './reduce.js';

const INVOCATIONS = 256;

/** Blocks of a matrix, each summed by a workgroup. */
const BLOCKS = 64;

/** `polarGuard` of the reference: a power of two that keeps norms and their inverses within float32, mostly 1. */
const GUARD = `
  fn guardOf(largest : f32) -> f32 {
    let raised = select(1.0, ${POLAR_EXTREME}f, largest < ${1 / POLAR_EXTREME}f);
    return select(raised, ${1 / POLAR_EXTREME}f, largest > ${POLAR_EXTREME}f);
  }
`;

/**
 * Of each block the largest absolute entry and the sum of the squares of entries divided by it: the norm of a matrix of
 * tiny or huge entries neither underflows nor overflows.
 */
const blockNorms = defineProgram({
  name: 'PolarNorms',
  inputs: ['y'],
  outputs: ['result'],
  uniforms: {items: 'i32', size: 'i32', blocks: 'i32', blockLength: 'i32'},
  workgroupSize: INVOCATIONS,
  code: ({subgroups}: {subgroups: boolean}) => `
  ${GUARD}
  ${reduceSnippet('largestOfAll', 'max', INVOCATIONS, subgroups)}
  ${reduceSnippet('sumOfAll', 'sum', INVOCATIONS, subgroups)}
  fn main(index : i32) {
    let item = groupIndex();
    let begin = item % uniforms.blocks * uniforms.blockLength;
    let start = item / uniforms.blocks * uniforms.size;
    let end = select(0, min(uniforms.size, begin + uniforms.blockLength), item < uniforms.items);
    var own = 0.0;
    for (var i = begin + i32(localIndex); i < end; i = i + ${INVOCATIONS}) { own = max(own, abs(y[start + i])); }
    let largest = largestOfAll(own);
    let guard = guardOf(largest);
    let divisor = select(largest * guard, 1.0, largest == 0.0);
    var squares = 0.0;
    for (var i = begin + i32(localIndex); i < end; i = i + ${INVOCATIONS}) {
      let unit = y[start + i] * guard / divisor;
      squares = squares + unit * unit;
    }
    let sum = sumOfAll(squares);
    if (localIndex == 0u && item < uniforms.items) {
      result[2 * item] = largest;
      result[2 * item + 1] = sum;
    }
  }
`,
});

/** `[b,m,n]` times the scale, which every invocation finds from the norms of its matrix's blocks. */
const scaled = defineProgram({
  name: 'PolarStart',
  inputs: ['y', 'norms'],
  outputs: ['result'],
  uniforms: {total: 'i32', rows: 'i32', columns: 'i32', blocks: 'i32', safety: 'f32'},
  workgroupSize: INVOCATIONS,
  code: ({transposed}: {transposed: boolean}) => `
  ${GUARD}
  fn main(index : i32) {
    if (index >= uniforms.total) { return; }
    let size = uniforms.rows * uniforms.columns;
    let batch = index / size;
    let first = batch * uniforms.blocks;
    var largest = 0.0;
    for (var i = first; i < first + uniforms.blocks; i = i + 1) { largest = max(largest, norms[2 * i]); }
    let isZero = select(0.0, 1.0, largest == 0.0);
    let guard = guardOf(largest);
    var squares = 0.0;
    for (var i = first; i < first + uniforms.blocks; i = i + 1) {
      let ratio = norms[2 * i] * guard / (largest * guard + isZero);
      // A block of zeros, or one that is negligible beside the largest; its sum may still be NaN.
      squares = squares + norms[2 * i + 1] * ratio * ratio;
    }
    let scale = 1.0 / (sqrt(squares) * uniforms.safety * (largest * guard) + isZero);
    let row = index % size / uniforms.columns;
    let column = index % uniforms.columns;
    let at = ${transposed ? 'batch * size + column * uniforms.rows + row' : 'index'};
    result[index] = y[at] * guard * scale;
  }
`,
});

/** `y [b,m,n]`, transposed if so asked, over 1.01 times its matrices' Frobenius norms; zero matrices stay zero. */
export function polarStart(
  backend: WebgpuBackend,
  y: tf.TensorInfo,
  transposed: boolean,
): tf.TensorInfo {
  const [batch, height, width] = y.shape;
  const size = height * width;
  const [rows, columns] = transposed ? [width, height] : [height, width];
  const blocks = Math.max(1, Math.min(BLOCKS, Math.ceil(size / (4 * INVOCATIONS))));
  const {subgroups} = webgpuFeatures(backend);
  const [norms] = blockNorms(backend, {
    inputs: {y},
    outputs: {result: {shape: [batch * blocks, 2]}},
    uniforms: {items: batch * blocks, size, blocks, blockLength: Math.ceil(size / blocks)},
    constants: {subgroups},
    workgroups: batch * blocks,
  });
  const [start] = scaled(backend, {
    inputs: {y, norms},
    outputs: {result: {shape: [batch, rows, columns]}},
    uniforms: {total: batch * size, rows, columns, blocks, safety: POLAR_SAFETY},
    constants: {transposed},
    invocations: batch * size,
  });
  backend.disposeData(norms.dataId);
  return start;
}
