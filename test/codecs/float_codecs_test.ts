import {bfloat16Codec, float32Codec} from '../../src/codecs/index.js';

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer);
const fromBits = (...bits: number[]) => new Float32Array(new Uint32Array(bits).buffer);
const halves = (bytes: Uint8Array) => new Uint16Array(bytes.slice().buffer);

/** Rounding by the definition: the nearest of the two neighbours, the even one on a tie. */
function roundedByDefinition(value: number, bits: number): number {
  const lower = bits & 0xffff0000;
  const upper = lower + 0x10000;
  const down = Math.abs(value - fromBits(lower >>> 0)[0]);
  // The neighbour above the largest number is 2^128, which is where infinity begins.
  const above = fromBits(upper >>> 0)[0];
  const up = Math.abs((Number.isFinite(above) ? above : Math.sign(value) * 2 ** 128) - value);
  const takeUpper = up < down || (up === down && ((lower >>> 16) & 1) === 1);
  return ((takeUpper ? upper : lower) >>> 16) & 0xffff;
}

describe('float32 codec', () => {
  it('gives back every bit, those of NaN too, from a view in the middle of a buffer', () => {
    const values = fromBits(0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7f800001, 0xffc12345);
    const view = values.subarray(1, 7);
    const packed = float32Codec.pack(view, [2, 3]);
    expect(packed.byteLength).toBe(float32Codec.byteLength([2, 3]));
    const shifted = new Uint8Array(packed.length + 1);
    shifted.set(packed, 1);
    const back = float32Codec.unpack(shifted.subarray(1), [2, 3]);
    expect([...bitsOf(back)]).toEqual([...bitsOf(values)].slice(1));
  });

  it('shares no memory with what it was given', () => {
    const values = new Float32Array([1, 2]);
    const packed = float32Codec.pack(values, [2]);
    const back = float32Codec.unpack(packed, [2]);
    values.fill(7);
    packed.fill(0);
    expect([...back]).toEqual([1, 2]);
  });
});

describe('bfloat16 codec', () => {
  it('gives back all 65536 patterns', () => {
    const all = Uint16Array.from({length: 0x10000}, (_, i) => i);
    const values = bfloat16Codec.unpack(new Uint8Array(all.buffer), [256, 256]);
    expect(halves(bfloat16Codec.pack(values, [256, 256]))).toEqual(all);
  });

  it('rounds to nearest, ties to even, also among subnormals and at the largest number', () => {
    const bits: number[] = [];
    for (const upper of [0x0000, 0x0001, 0x007f, 0x0080, 0x3f80, 0x3f81, 0x7f7e, 0x7f7f]) {
      for (const lower of [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]) {
        bits.push(((upper << 16) | lower) >>> 0, ((upper << 16) | lower | 0x80000000) >>> 0);
      }
    }
    let state = 1;
    for (let i = 0; i < 20000; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if ((state & 0x7f800000) !== 0x7f800000) {
        bits.push(state);
      }
    }
    const values = fromBits(...bits);
    const packed = halves(bfloat16Codec.pack(values, [values.length]));
    const wrong = bits.filter((b, i) => packed[i] !== roundedByDefinition(values[i], b));
    expect(wrong.map((b) => b.toString(16))).toEqual([]);
  });

  it('keeps signs of zero, infinities and NaN; what is too large becomes infinity', () => {
    const values = new Float32Array([0, -0, Infinity, -Infinity, NaN, 3.4e38, -3.4e38, 3.38e38]);
    const back = bfloat16Codec.unpack(bfloat16Codec.pack(values, [8]), [8]);
    expect(Object.is(back[0], 0)).toBeTrue();
    expect(Object.is(back[1], -0)).toBeTrue();
    expect([...back.slice(2, 7)]).toEqual([Infinity, -Infinity, NaN, Infinity, -Infinity]);
    expect(back[7]).toBeLessThan(Infinity);
  });

  it('never makes a NaN infinite', () => {
    const nans = fromBits(0x7f800001, 0xff800001, 0x7f80ffff, 0x7fffffff, 0xffffffff, 0x7fc00000);
    const back = bfloat16Codec.unpack(bfloat16Codec.pack(nans, [6]), [6]);
    expect([...back].every(Number.isNaN)).toBeTrue();
  });
});

describe('float codecs', () => {
  for (const codec of [float32Codec, bfloat16Codec]) {
    it(`${codec.name}: packs as many bytes as it declares, whatever the shape`, () => {
      for (const shape of [[], [0], [1], [3, 5], [2, 0, 4], [2, 3, 4]]) {
        const elements = shape.reduce((product, d) => product * d, 1);
        const packed = codec.pack(new Float32Array(elements), shape);
        expect(packed.byteLength).withContext(`[${shape}]`).toBe(codec.byteLength(shape));
        expect(codec.unpack(packed, shape).length).toBe(elements);
      }
    });

    it(`${codec.name}: refuses what does not fit the shape`, () => {
      const packed = codec.pack(new Float32Array(6), [2, 3]);
      expect(() => codec.unpack(packed.subarray(1), [2, 3])).toThrowError(
        new RegExp(`'${codec.name}': unpack got ${packed.length - 1} bytes .*\\[2, 3\\]`),
      );
      expect(() => codec.unpack(packed, [2, 4])).toThrowError(/bytes/);
      expect(() => codec.pack(new Float32Array(5), [2, 3])).toThrowError(/5 values .*6 elements/);
      for (const bad of [-1, 1.5, NaN, Infinity]) {
        expect(() => codec.byteLength([2, bad])).toThrowError(/dimension/);
      }
    });
  }
});
