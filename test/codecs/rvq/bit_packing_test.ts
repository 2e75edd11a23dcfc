import {
  indexBits,
  packedLength,
  packIndices,
  unpackIndices,
} from '../../../src/codecs/rvq/bit_packing.js';
import {seededUniform} from '../../../src/manifolds/seeded_normal.js';

describe('bit packing of indices', () => {
  it('takes as many bits as the largest index has', () => {
    expect([1, 2, 3, 4, 5, 256, 257, 65536].map(indexBits)).toEqual([0, 1, 2, 2, 3, 8, 9, 16]);
  });

  it('puts the first index lowest', () => {
    // 5, 2, 7 of three bits: 111 010 101 from the highest down, so 11010101 and 1.
    expect(Array.from(packIndices([5, 2, 7], 8))).toEqual([0b11010101, 1]);
  });

  it('brings back any indices', () => {
    const uniform = seededUniform(4);
    for (const codes of [1, 2, 3, 5, 16, 100, 256, 1000, 65535, 65536]) {
      for (const count of [0, 1, 7, 8, 333]) {
        const indices = Array.from({length: count}, () => Math.floor(uniform() * codes));
        const bytes = packIndices(indices, codes);
        expect(bytes.length).toBe(Math.ceil((count * Math.ceil(Math.log2(codes))) / 8));
        expect(bytes.length).toBe(packedLength(count, codes));
        expect(Array.from(unpackIndices(bytes, count, codes))).toEqual(indices);
      }
    }
  });

  it('refuses what is no code, as rvqEncode on a GPU gives it for NaN', () => {
    for (const [index, codes] of [
      [-1, 256],
      [-1, 1],
      [5, 5],
      [NaN, 4],
    ]) {
      expect(() => packIndices([0, index], codes)).toThrowError(
        `index ${index} at 1, expected 0 to ${codes - 1}; rvqEncode gives -1 for values that are NaN or infinite`,
      );
    }
  });

  it('refuses what was not packed so', () => {
    expect(() => unpackIndices(Uint8Array.of(1, 2), 4, 4)).toThrowError(/2 bytes .*, expected 1/);
    expect(() => unpackIndices(Uint8Array.of(0b111), 1, 5)).toThrowError(
      /index 7, expected 0 to 4/,
    );
    expect(() => unpackIndices(Uint8Array.of(0b1000), 1, 5)).toThrowError(/behind the last index/);
  });
});
