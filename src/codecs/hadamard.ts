/**
 * Multiplies the first `size` values by the Hadamard matrix divided by √size, in place: a rotation that is its own inverse and spreads
 * an outlier over all of them. `size` is a power of two. Sums are made in one order: same values, same bits.
 */
export function hadamard(values: Float64Array, size: number): void {
  for (let half = 1; half < size; half *= 2) {
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = start; k < start + half; k++) {
        const sum = values[k] + values[k + half];
        values[k + half] = values[k] - values[k + half];
        values[k] = sum;
      }
    }
  }
  const factor = 1 / Math.sqrt(size);
  for (let k = 0; k < size; k++) {
    values[k] *= factor;
  }
}
