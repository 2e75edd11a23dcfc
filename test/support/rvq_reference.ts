/** Residual vector quantisation in float64, written straight from its definition. */
import {dense, type Dense} from './dense.js';

/** `z [n, r]`, `codebooks [R, G, K, w]` → indices `[R, n, G]`. */
export function rvqEncode(z: Dense, codebooks: Dense): Dense {
  const [rounds, groups, codes, width] = codebooks.shape;
  const [count, rank] = z.shape;
  const indices = dense([rounds, count, groups]);
  const residual = dense(z.shape, z.values);
  for (let book = 0; book < rounds * groups; book++) {
    const [round, group] = [Math.floor(book / groups), book % groups];
    for (let row = 0; row < count; row++) {
      const from = row * rank + group * width;
      const distances = Array.from({length: codes}, (_, k) => {
        let distance = 0;
        for (let j = 0; j < width; j++) {
          distance +=
            (residual.values[from + j] - codebooks.values[(book * codes + k) * width + j]) ** 2;
        }
        return distance;
      });
      const best = distances.indexOf(Math.min(...distances));
      indices.values[(round * count + row) * groups + group] = best;
      for (let j = 0; j < width; j++) {
        residual.values[from + j] -= codebooks.values[(book * codes + best) * width + j];
      }
    }
  }
  return indices;
}

/** Indices `[R, n, G]`, `codebooks [R, G, K, w]` → `[n, r]`. */
export function rvqDecode(indices: Dense, codebooks: Dense): Dense {
  const [rounds, groups, codes, width] = codebooks.shape;
  const count = indices.shape[1];
  const z = dense([count, groups * width]);
  for (let round = 0; round < rounds; round++) {
    for (let row = 0; row < count; row++) {
      for (let group = 0; group < groups; group++) {
        const code = indices.values[(round * count + row) * groups + group];
        const start = ((round * groups + group) * codes + code) * width;
        for (let j = 0; j < width; j++) {
          z.values[(row * groups + group) * width + j] += codebooks.values[start + j];
        }
      }
    }
  }
  return z;
}
