/**
 * A small seeded generator (mulberry32, Tommy Ettinger, public domain): the same numbers in every
 * process and on every engine, which `Math.random` does not give. Not for security.
 *
 * @param seed Any integer; its low 32 bits count.
 * @return A function giving the next number in [0, 1).
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * The numbers 0 … length−1 in a random order (Fisher–Yates).
 *
 * @param length How many.
 * @param random A generator of numbers in [0, 1).
 */
export function permutation(length: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({length}, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
