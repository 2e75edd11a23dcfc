/** `BatchMatMul` for wasm: transposes first, and goes through a batch product by product. */
import * as tf from '@tensorflow/tfjs-core';
import {multiplyPairs, type Operand} from './products.js';
import {floats, type WasmBackend, type WasmKernel} from './wasm_backend.js';

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

/** Index into a batch of shape `from` for each index into the broadcast shape `to`. */
function broadcastIndex(from: number[], to: number[]): (i: number) => number {
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
  if (a.dtype !== 'float32' || b.dtype !== 'float32') {
    throw new Error(`BatchMatMul for non non-float32 tensors not yet supported.`);
  }
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
  {count, aAt, bAt}: ProductShape,
): void {
  if (a.rows * a.columns === 0 || b.rows * b.columns === 0 || count === 0) {
    floats(backend, out).fill(0);
    return;
  }
  const target = backend.dataIdMap.get(out.dataId).memoryOffset;
  multiplyPairs(backend, a, b, target, count, aAt, bAt);
}

/** `a · b` with either side transposed and batch dimensions broadcast; float32. */
export const batchMatMul: WasmKernel = ({inputs, attrs, backend}) => {
  const {a, b} = inputs;
  const {transposeA, transposeB} = attrs as {transposeA: boolean; transposeB: boolean};
  const shape = productShape(a, b, transposeA, transposeB);
  const out = backend.makeOutput(shape.outShape, 'float32');
  const left = operand(backend, a, transposeA);
  writeProduct(backend, left, operand(backend, b, transposeB), out, shape);
  return out;
};
