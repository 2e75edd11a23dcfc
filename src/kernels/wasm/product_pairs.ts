/** Products of pairs of matrices on the heap of tfjs-wasm: operands transposed, long inner dimensions in parts. */
import {multiply, view, withScratch, type Operand} from './products.js';
import {transposeMatrix} from './transpose_matrix.js';
import type {WasmBackend} from './wasm_backend.js';

/** Inner dimensions above which a product is computed in parts, and what a part has. */
const LONG = 2048;
const PART = 1024;

/**
 * A product with a long inner dimension, such as a gradient summed over all positions of a batch: in parts that are added up.
 * XNNPACK adds one number after the other, which over 65,536 of them loses more than a digit.
 */
function multiplyInParts(
  backend: WasmBackend,
  left: Operand,
  right: Operand,
  out: number,
  [m, k, n]: readonly [m: number, k: number, n: number],
): void {
  const bytes = 4;
  withScratch(backend, (m + n) * PART + m * n, (scratch) => {
    const [rightPart, sum] = [scratch + m * PART * bytes, scratch + (m + n) * PART * bytes];
    for (let begin = 0; begin < k; begin += PART) {
      const size = Math.min(PART, k - begin);
      if (left.isTransposed) {
        const rows = view(backend, left.offset + begin * m * bytes, size * m);
        transposeMatrix(rows, view(backend, scratch, size * m), size, m);
      } else {
        const all = view(backend, left.offset, m * k);
        const part = view(backend, scratch, m * size);
        for (let i = 0; i < m; i++) {
          part.set(all.subarray(i * k + begin, i * k + begin + size), i * size);
        }
      }
      let rightAt = right.offset + begin * n * bytes;
      if (right.isTransposed) {
        const all = view(backend, right.offset, n * k);
        const part = view(backend, rightPart, size * n);
        for (let j = 0; j < n; j++) {
          for (let i = 0; i < size; i++) part[i * n + j] = all[j * k + begin + i];
        }
        rightAt = rightPart;
      }
      multiply(backend, scratch, rightAt, begin === 0 ? out : sum, [m, size, n]);
      if (begin === 0) continue;
      const [total, added] = [view(backend, out, m * n), view(backend, sum, m * n)];
      for (let i = 0; i < total.length; i++) total[i] += added[i];
    }
  });
}

/**
 * Products of pairs of matrices, `out[i] = op(left[leftAt(i)]) · op(right[rightAt(i)])`, each through XNNPACK. A transposed
 * operand is transposed into scratch memory first: that costs a few per cent of the product, where the C++ side's own path
 * for it is ten times slower.
 */
export function multiplyPairs(
  backend: WasmBackend,
  left: Operand,
  right: Operand,
  out: number,
  count: number,
  leftAt: (i: number) => number = (i) => i,
  rightAt: (i: number) => number = (i) => i,
): void {
  const [m, k] = left.isTransposed ? [left.columns, left.rows] : [left.rows, left.columns];
  const n = right.isTransposed ? right.rows : right.columns;
  if (k > LONG) {
    const at = (operand: Operand, i: number) => ({
      ...operand,
      offset: operand.offset + i * operand.rows * operand.columns * 4,
    });
    for (let i = 0; i < count; i++) {
      const sizes = [m, k, n] as const;
      multiplyInParts(
        backend,
        at(left, leftAt(i)),
        at(right, rightAt(i)),
        out + i * m * n * 4,
        sizes,
      );
    }
    return;
  }
  const leftSize = m * k;
  const rightSize = k * n;
  const leftScratch = left.isTransposed ? leftSize : 0;
  const rightScratch = right.isTransposed ? rightSize : 0;
  const rightId = right.isTransposed || count !== 1 ? undefined : right.id;

  withScratch(backend, leftScratch + rightScratch, (scratch) => {
    const place = (operand: Operand, size: number, at: number, target: number): number => {
      const source = operand.offset + at * size * 4;
      if (!operand.isTransposed) {
        return source;
      }
      const from = view(backend, source, size);
      transposeMatrix(from, view(backend, target, size), operand.rows, operand.columns);
      return target;
    };
    let lastLeft = -1;
    let lastRight = -1;
    let leftPlace = 0;
    let rightPlace = 0;
    for (let i = 0; i < count; i++) {
      const l = leftAt(i);
      const r = rightAt(i);
      if (l !== lastLeft) {
        leftPlace = place(left, leftSize, l, scratch);
        lastLeft = l;
      }
      if (r !== lastRight) {
        rightPlace = place(right, rightSize, r, scratch + leftScratch * 4);
        lastRight = r;
      }
      multiply(backend, leftPlace, rightPlace, out + i * m * n * 4, [m, k, n], rightId);
    }
  });
}
