/**
 * Seeded normal numbers that are the same bits on every backend, JavaScript engine and machine: only integer
 * arithmetic and `+ − × ÷ √`, which IEEE 754 rounds exactly. (`Math.log` and `Math.cos` may differ in the last bit
 * between engines, and two peers that draw the same projector from a seed must get the same one.)
 */
import {checkSeed} from '../ops/check_values.js';

/**
 * A generator of uniform numbers in [0, 1) with 53 random bits: xoshiro128** (Blackman and Vigna, 2018), its state filled by splitmix32.
 *
 * @param seed Any safe integer; its low and high halves both count.
 */
export function seededUniform(seed: number): () => number {
  checkSeed('seededUniform', seed);
  let mix = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b)) | 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  const s = Int32Array.from([splitmix(), splitmix(), splitmix(), splitmix() | 1]);
  const next = () => {
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result >>> 0;
  };
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/** Natural logarithm for `0 < x < 1` by exactly rounded operations alone: `x = m 2^-k`, then the series of atanh. */
function portableLog(x: number): number {
  let m = x;
  let k = 0;
  while (m < Math.SQRT1_2) {
    m *= 2;
    k++;
  }
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let sum = 0;
  for (let n = 25; n >= 1; n -= 2) {
    sum = sum * square + 1 / n;
  }
  return 2 * s * sum - k * Math.LN2;
}

/** A generator of standard normal numbers (Marsaglia's polar method), see the head of this file. */
export function seededNormal(seed: number): () => number {
  const uniform = seededUniform(seed);
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const square = u * u + v * v;
      if (square > 0 && square < 1) {
        const factor = Math.sqrt((-2 * portableLog(square)) / square);
        spare = v * factor;
        return u * factor;
      }
    }
  };
}
