/** Residual vector quantisation with each operation rounded to float32: what every backend must choose, ties included. */
import {dense, type Dense} from '../../support/dense.js';

const {fround} = Math;

/** `z [n, G·w]`, `codebooks [R, G, K, w]` → indices `[R, n, G]`, and the vectors they stand for `[n, G·w]`. */
export function rvqRounded(z: Dense, codebooks: Dense): {indices: Dense; decoded: Dense} {
  const [rounds, groups, codes, width] = codebooks.shape;
  const rows = z.shape[0];
  const indices = dense([rounds, rows, groups]);
  const residual = Float32Array.from(z.values);
  const decoded = new Float32Array(rows * groups * width);
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < rows * groups; place++) {
      const book = (round * groups + (place % groups)) * codes;
      let [best, winner] = [Infinity, 0];
      for (let code = 0; code < codes; code++) {
        let distance = 0;
        for (let j = 0; j < width; j++) {
          const d = fround(
            residual[place * width + j] - codebooks.values[(book + code) * width + j],
          );
          distance = fround(distance + fround(d * d));
        }
        if (distance < best) [best, winner] = [distance, code];
      }
      indices.values[round * rows * groups + place] = winner;
      for (let j = 0; j < width; j++) {
        const value = codebooks.values[(book + winner) * width + j];
        residual[place * width + j] -= value;
        decoded[place * width + j] += value;
      }
    }
  }
  return {indices, decoded: dense(z.shape, decoded)};
}
