/** The rotation trick in float64, from the map itself. */

/**
 * `Mᵀ dy` a row, where `M x = (x − 2(x·w)w + 2(x·u)q)·‖ẑ‖/‖z‖` takes `z` to `ẑ` (method.md section 7), column by column of `M`.
 *
 * @param width Values a row.
 */
export function rotationGradient(
  z: Float32Array,
  zhat: Float32Array,
  dy: Float32Array,
  width: number,
): number[] {
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);
  const unit = (a: ArrayLike<number>) => Array.from(a, (value) => value / Math.sqrt(dot(a, a)));
  const result: number[] = [];
  for (let start = 0; start < z.length; start += width) {
    const row = (x: Float32Array) => Array.from(x.subarray(start, start + width));
    const [a, b] = [row(z), row(zhat)];
    const [u, q] = [unit(a), unit(b)];
    const w = unit(u.map((value, i) => value + q[i]));
    const scale = Math.sqrt(dot(b, b) / dot(a, a));
    const map = (x: number[]) =>
      x.map((value, i) => scale * (value - 2 * dot(x, w) * w[i] + 2 * dot(x, u) * q[i]));
    for (let i = 0; i < width; i++) {
      const column = map(a.map((_, j) => (j === i ? 1 : 0)));
      result.push(dot(column, row(dy)));
    }
  }
  return result;
}
