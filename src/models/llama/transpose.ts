/** Transposes a row-major `rows × cols` matrix on the CPU, for kernels that files hold as `[out, in]`. */
export function transpose(values: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      out[j * rows + i] = values[i * cols + j];
    }
  }
  return out;
}
