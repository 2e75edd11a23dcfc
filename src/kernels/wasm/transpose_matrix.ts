/** Transposition of a matrix on the heap. */

/** Edge of the square blocks in which a matrix is read: one block of 32 × 32 float32 is 4 KiB. */
const BLOCK = 32;

/**
 * Writes the transpose of `source [rows, columns]` to `target [columns, rows]`, block by block, so that neither side walks
 * through memory with a long stride.
 */
export function transposeMatrix(
  source: Float32Array,
  target: Float32Array,
  rows: number,
  columns: number,
): void {
  for (let r0 = 0; r0 < rows; r0 += BLOCK) {
    const r1 = Math.min(r0 + BLOCK, rows);
    for (let c0 = 0; c0 < columns; c0 += BLOCK) {
      const c1 = Math.min(c0 + BLOCK, columns);
      for (let c = c0; c < c1; c++) {
        let from = r0 * columns + c;
        for (let to = c * rows + r0, end = c * rows + r1; to < end; to++) {
          target[to] = source[from];
          from += columns;
        }
      }
    }
  }
}
