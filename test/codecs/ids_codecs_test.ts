import {idsCodec, uint16Codec, uint32Codec} from '../../src/codecs/index.js';

describe('idsCodec', () => {
  it('takes two bytes up to 65536 words and four beyond', () => {
    expect(idsCodec(1).name).toBe('uint16');
    expect(idsCodec(65536).name).toBe('uint16');
    expect(idsCodec(65537).name).toBe('uint32');
    expect(idsCodec(65536).byteLength([4, 8])).toBe(64);
    expect(idsCodec(65537).byteLength([4, 8])).toBe(128);
  });

  it('refuses what is no size of a vocabulary', () => {
    for (const bad of [0, -1, 2.5, NaN, 2 ** 40]) {
      expect(() => idsCodec(bad)).toThrowError(/vocabSize is/);
    }
  });

  it('gives ids back, the largest too, from bytes at any address', () => {
    for (const [codec, largest] of [
      [uint16Codec, 0xffff],
      [uint32Codec, 0x7fffffff],
    ] as const) {
      const ids = Int32Array.from([0, 1, 257, largest]);
      const packed = codec.pack(ids, [2, 2]);
      expect(packed.byteLength).toBe(codec.byteLength([2, 2]));
      const shifted = new Uint8Array(packed.length + 1);
      shifted.set(packed, 1);
      expect(codec.unpack(shifted.subarray(1), [2, 2])).toEqual(ids);
    }
  });

  it('refuses ids that do not fit, by index', () => {
    expect(() => uint16Codec.pack(Int32Array.from([5, 65536]), [2])).toThrowError(
      /'uint16': the id at index 1 is 65536; ids must lie in 0\.\.65535/,
    );
    expect(() => uint16Codec.pack(Int32Array.from([-1]), [1])).toThrowError(/index 0 is -1/);
    expect(() => uint32Codec.pack(Int32Array.from([-1]), [1])).toThrowError(/index 0 is -1/);
    const tooLarge = new Uint8Array([0, 0, 0, 0x80]);
    expect(() => uint32Codec.unpack(tooLarge, [1])).toThrowError(/2147483648/);
    expect(() => uint16Codec.unpack(new Uint8Array(3), [2])).toThrowError(/3 bytes/);
  });
});
