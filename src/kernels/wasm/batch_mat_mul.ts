/** `BatchMatMul` for wasm: transposes first, and goes through a batch product by product. */
import * as tf from '@tensorflow/tfjs-core';
import {multiplyPairs} from './product_pairs.js';
import type {Operand} from './products.js';
import {integers, type WasmBackend, type WasmKernel} from './wasm_backend.js';

/** Shapes of a batched product, as tfjs defines it. */
export interface ProductShape {
  /** Shape of the result. */
  outShape: number[];
  /** Number of products. */
  count: number;
  /** Which matrix of each operand belongs to product `i`; batch dimensions are broadcast. */
  aAt: (i: number) => number;
  bAt: (i: number) => number;
}

/** Index into an array of shape `from` for each index into the shape `to` that it is broadcast to. */
export function broadcastIndex(from: number[], to: number[]): (i: number) => number {
  if (tf.util.arraysEqual(from, to)) {
    return (i) => i;
  }
  const padded = [...new Array<number>(to.length - from.length).fill(1), ...from];
  const strides = tf.util.computeStrides([...padded, 1]);
  return (i) => {
    let rest = i;
    let at = 0;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      at += padded[axis] === 1 ? 0 : (rest % to[axis]) * strides[axis];
      rest = Math.floor(rest / to[axis]);
    }
    return at;
  };
}

/** Checks the operands of a product and finds its shapes. */
export function productShape(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): ProductShape {
  tf.util.assert(
    a.shape.length >= 2 && b.shape.length >= 2,
    () =>
      `Error in matMul: expected tensors of rank 2 or more, got shapes ${a.shape} and ${b.shape}.`,
  );
  const aBatch = a.shape.slice(0, -2);
  const bBatch = b.shape.slice(0, -2);
  const [aRows, aColumns] = a.shape.slice(-2);
  const [bRows, bColumns] = b.shape.slice(-2);
  const inner = transposeA ? aRows : aColumns;
  const bInner = transposeB ? bColumns : bRows;
  tf.util.assert(
    inner === bInner,
    () =>
      `Error in matMul: inner shapes (${inner}) and (${bInner}) of Tensors with shapes ${a.shape} and ${b.shape} and ` +
      `transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const outShape = [...batch, transposeA ? aColumns : aRows, transposeB ? bRows : bColumns];
  return {
    outShape,
    count: tf.util.sizeFromShape(batch),
    aAt: broadcastIndex(aBatch, batch),
    bAt: broadcastIndex(bBatch, batch),
  };
}

/** Products of integers, straight from the definition: nothing here trains with them. */
function integerProduct(
  backend: WasmBackend,
  a: Operand,
  b: Operand,
  out: tf.TensorInfo,
  {count, aAt, bAt}: ProductShape,
): void {
  const words = new Int32Array(backend.wasm.HEAPU8.buffer);
  const target = integers(backend, out);
  const [m, k] = a.isTransposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.isTransposed ? b.rows : b.columns;
  const [aRow, aColumn] = a.isTransposed ? [1, a.columns] : [a.columns, 1];
  const [bRow, bColumn] = b.isTransposed ? [1, b.columns] : [b.columns, 1];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const aStart = a.offset / 4 + aAt(i) * m * k;
    const bStart = b.offset / 4 + bAt(i) * k * n;
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          const left = words[aStart + row * aRow + l * aColumn];
          sum += Math.imul(left, words[bStart + l * bRow + column * bColumn]);
        }
        target[at++] = sum;
      }
    }
  }
}

/** An operand of a product, from a tensor of two or more dimensions. */
export function operand(backend: WasmBackend, info: tf.TensorInfo, isTransposed: boolean): Operand {
  const {memoryOffset, id} = backend.dataIdMap.get(info.dataId);
  const [rows, columns] = info.shape.slice(-2);
  return {offset: memoryOffset, rows, columns, isTransposed, id};
}

/** Writes the product of `a` and `b` to `out`; zeros where the inner dimension is empty. */
export function writeProduct(
  backend: WasmBackend,
  a: Operand,
  b: Operand,
  out: tf.TensorInfo,
  shape: ProductShape,
): void {
  const {count, aAt, bAt} = shape;
  if (a.rows * a.columns === 0 || b.rows * b.columns === 0 || count === 0) {
    integers(backend, out).fill(0);
    return;
  }
  if (out.dtype === 'int32') {
    integerProduct(backend, a, b, out, shape);
    return;
  }
  const target = backend.dataIdMap.get(out.dataId).memoryOffset;
  multiplyPairs(backend, a, b, target, count, aAt, bAt);
}

/** `a · b` with either side transposed and batch dimensions broadcast; float32, or int32 for int32 operands. */
export const batchMatMul: WasmKernel = ({inputs, attrs, backend}) => {
  const {a, b} = inputs;
  const {transposeA, transposeB} = attrs as {transposeA: boolean; transposeB: boolean};
  const shape = productShape(a, b, transposeA, transposeB);
  const out = backend.makeOutput(shape.outShape, a.dtype);
  const left = operand(backend, a, transposeA);
  writeProduct(backend, left, operand(backend, b, transposeB), out, shape);
  return out;
};
