/** Indices in as few bits as they need. */

/** Bits of an index below `codes`: ⌈log2 K⌉; 0 for one code. */
export function indexBits(codes: number): number {
  return codes <= 1 ? 0 : 32 - Math.clz32(codes - 1);
}

/** Bytes of `count` indices below `codes`, together. */
export function packedLength(count: number, codes: number): number {
  return Math.ceil((count * indexBits(codes)) / 8);
}

/**
 * `indices`, each below `codes`, one after the other from the lowest bit of the first byte up; the rest of the last byte is 0.
 *
 * @throws Error if one is no code: its bits would run into those of the others.
 */
export function packIndices(indices: ArrayLike<number>, codes: number): Uint8Array {
  const bits = indexBits(codes);
  const bytes = new Uint8Array(packedLength(indices.length, codes));
  let [buffer, held, at] = [0, 0, 0];
  for (let i = 0; i < indices.length; i++) {
    if (!(indices[i] >= 0 && indices[i] < codes)) {
      throw new Error(
        `index ${indices[i]} at ${i}, expected 0 to ${codes - 1}; rvqEncode gives -1 for values that are NaN or infinite`,
      );
    }
    // At most 7 bits are held, and an index has at most 16.
    buffer |= indices[i] << held;
    held += bits;
    for (; held >= 8; held -= 8) {
      bytes[at++] = buffer;
      buffer >>>= 8;
    }
  }
  if (held > 0) {
    bytes[at] = buffer;
  }
  return bytes;
}

/**
 * What `packIndices` packed.
 *
 * @throws Error if there are more or fewer bytes, an index is no code, or bits behind the last one are set.
 */
export function unpackIndices(bytes: Uint8Array, count: number, codes: number): Int32Array {
  const bits = indexBits(codes);
  const expected = packedLength(count, codes);
  if (bytes.length !== expected) {
    throw new Error(`${bytes.length} bytes of indices, expected ${expected}`);
  }
  const indices = new Int32Array(count);
  const mask = 2 ** bits - 1;
  let [buffer, held, at] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    for (; held < bits; held += 8) {
      buffer |= bytes[at++] << held;
    }
    const index = buffer & mask;
    if (index >= codes) {
      throw new Error(`index ${index}, expected 0 to ${codes - 1}`);
    }
    indices[i] = index;
    buffer >>>= bits;
    held -= bits;
  }
  if (buffer !== 0) {
    throw new Error('bits set behind the last index');
  }
  return indices;
}
