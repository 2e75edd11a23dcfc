/** `RvqEncode` and `RvqDecode` for wasm. */
import {floats, integers, type WasmKernel} from './wasm_backend.js';

/** One pass: residuals of a row in a scratch array, distances in float64, no distance kept but the smallest. */
export const rvqEncode: WasmKernel = ({inputs, backend}) => {
  const [rows, rank] = inputs.z.shape;
  const [rounds, groups, codes, width] = inputs.codebooks.shape;
  const out = backend.makeOutput([rounds, rows, groups], 'int32');
  const z = floats(backend, inputs.z);
  const codebooks = floats(backend, inputs.codebooks);
  const indices = integers(backend, out);
  const residual = new Float32Array(rank);
  for (let row = 0; row < rows; row++) {
    residual.set(z.subarray(row * rank, (row + 1) * rank));
    for (let book = 0; book < rounds * groups; book++) {
      const group = book % groups;
      const from = group * width;
      const start = book * codes * width;
      let [best, nearest] = [Infinity, 0];
      for (let k = 0, at = start; k < codes; k++, at += width) {
        let distance = 0;
        for (let j = 0; j < width; j++) {
          const difference = residual[from + j] - codebooks[at + j];
          distance += difference * difference;
        }
        if (distance < best) {
          best = distance;
          nearest = k;
        }
      }
      const code = start + nearest * width;
      for (let j = 0; j < width; j++) {
        residual[from + j] -= codebooks[code + j];
      }
      indices[(((book - group) / groups) * rows + row) * groups + group] = nearest;
    }
  }
  return out;
};

export const rvqDecode: WasmKernel = ({inputs, backend}) => {
  const [, rows, groups] = inputs.indices.shape;
  const [, , codes, width] = inputs.codebooks.shape;
  const rank = groups * width;
  const out = backend.makeOutput([rows, rank], 'float32');
  const indices = integers(backend, inputs.indices);
  const codebooks = floats(backend, inputs.codebooks);
  const z = floats(backend, out);
  z.fill(0);
  for (let i = 0; i < indices.length; i++) {
    const group = i % groups;
    const row = Math.floor(i / groups) % rows;
    const book = Math.floor(i / (rows * groups)) * groups + group;
    const code = (book * codes + indices[i]) * width;
    const to = row * rank + group * width;
    for (let j = 0; j < width; j++) {
      z[to + j] += codebooks[code + j];
    }
  }
  return out;
};
