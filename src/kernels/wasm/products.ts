/** Matrix products on the heap of tfjs-wasm, all through XNNPACK's path. */
import * as tf from '@tensorflow/tfjs-core';
import type {WasmBackend, WasmFunction} from './wasm_backend.js';

/**
 * Numbers under which views of the heap are shown to the C++ side while a product runs. The backend counts its own tensors
 * from 1, so these stay out of reach.
 */
const LEFT_VIEW = 2 ** 31 - 3;
const RIGHT_VIEW = 2 ** 31 - 2;
const OUT_VIEW = 2 ** 31 - 1;

const functions = new WeakMap<WasmBackend, WasmFunction>();

function batchMatMulFunction(backend: WasmBackend): WasmFunction {
  let func = functions.get(backend);
  if (func == null) {
    const number = 'number';
    const types = [number, 'array', number, number, 'array', number, number, number, number];
    func = backend.wasm.cwrap(tf.BatchMatMul, null, types);
    functions.set(backend, func);
  }
  return func;
}

/** A shape as the C++ side reads it. */
export function shapeBytes(...shape: number[]): Uint8Array {
  return new Uint8Array(new Int32Array(shape).buffer);
}

/** Sizes of a product `[m,k] · [k,n]`. */
type Sizes = readonly [m: number, k: number, n: number];

/**
 * Terms that are added up one after the other. XNNPACK does so with all `k`, and float32 loses about as many units in the last
 * place as the root of their number: over 65,536 keys of attention more than 1e-5.
 */
const LONGEST_SUM = 8192;

/**
 * `out [m,n] = left [m,k] · right [k,n]`, row-major float32 matrices at addresses of the heap.
 *
 * @param rightId The backend's number of the tensor that `right` is, if it is one: XNNPACK's packed copy then stays with
 *     that tensor, which pays for weights.
 */
export function multiply(
  backend: WasmBackend,
  left: number,
  right: number,
  out: number,
  sizes: Sizes,
  rightId?: number,
): void {
  const [m, k, n] = sizes;
  if (k <= LONGEST_SUM) {
    multiplyAtOnce(backend, left, right, out, sizes, rightId);
    return;
  }
  withScratch(backend, m * (LONGEST_SUM + n), (columns) => {
    const part = columns + m * LONGEST_SUM * 4;
    view(backend, out, m * n).fill(0);
    for (let start = 0; start < k; start += LONGEST_SUM) {
      const count = Math.min(LONGEST_SUM, k - start);
      const [from, to] = [view(backend, left, m * k), view(backend, columns, m * count)];
      for (let row = 0; row < m; row++) {
        const first = row * k + start;
        to.set(from.subarray(first, first + count), row * count);
      }
      multiplyAtOnce(backend, columns, right + start * n * 4, part, [m, count, n]);
      const [sum, more] = [view(backend, out, m * n), view(backend, part, m * n)];
      for (let i = 0; i < sum.length; i++) sum[i] += more[i];
    }
  });
}

/** The C++ side takes its fast path only for this case, one pair of plain matrices. */
function multiplyAtOnce(
  backend: WasmBackend,
  left: number,
  right: number,
  out: number,
  [m, k, n]: Sizes,
  rightId?: number,
): void {
  const {registerTensor, disposeData} = backend.wasm.tfjs;
  const product = batchMatMulFunction(backend);
  registerTensor(LEFT_VIEW, m * k, left);
  registerTensor(OUT_VIEW, m * n, out);
  if (rightId == null) {
    registerTensor(RIGHT_VIEW, k * n, right);
  }
  try {
    const leftShape = shapeBytes(1, m, k);
    const rightShape = shapeBytes(1, k, n);
    const id = rightId ?? RIGHT_VIEW;
    product(LEFT_VIEW, leftShape, 3, id, rightShape, 3, false, false, OUT_VIEW);
  } finally {
    disposeData(LEFT_VIEW);
    disposeData(OUT_VIEW);
    if (rightId == null) {
      disposeData(RIGHT_VIEW);
    }
  }
}

/** A float32 view of `size` values at an address. Valid until the next allocation. */
export function view(backend: WasmBackend, offset: number, size: number): Float32Array {
  return new Float32Array(backend.wasm.HEAPU8.buffer, offset, size);
}

/** Runs `use` with the address of `size` float32 of scratch memory, and frees it. */
export function withScratch<T>(backend: WasmBackend, size: number, use: (offset: number) => T): T {
  // Addresses above 2 GiB come back negative.
  const offset = backend.wasm._malloc(Math.max(1, size) * 4) >>> 0;
  if (offset === 0) {
    throw new Error(`The wasm heap has no room for ${size * 4} bytes of scratch memory.`);
  }
  try {
    return use(offset);
  } finally {
    backend.wasm._free(offset);
  }
}

/** One side of a product: matrices `[rows, columns]` one after the other, each to be transposed first or not. */
export interface Operand {
  /** Address of the first matrix. */
  offset: number;
  /** Sizes as stored. */
  rows: number;
  columns: number;
  isTransposed: boolean;
  /** Number of the tensor, where there is a single matrix that is a tensor. */
  id?: number;
}
