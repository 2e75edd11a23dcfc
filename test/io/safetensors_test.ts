import {encodeSafetensors, memorySource, SafetensorsReader} from '../../src/io/index.js';

/** A file with this header and so many bytes of data. */
function file(header: string | object, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const pair = [
  {name: 'a', shape: [2, 2], data: Float32Array.of(1, -2, 3.5, 1e-3)},
  {name: 'b', dtype: 'I32' as const, shape: [3], data: Int32Array.of(7, -8, 9)},
  {name: 'empty', shape: [0, 4], data: new Float32Array(0)},
];

describe('safetensors', () => {
  it('come back as they were written', async () => {
    const bytes = encodeSafetensors(pair, {format: 'pt'});
    const reader = await SafetensorsReader.open(bytes);
    expect(reader.names()).toEqual(['a', 'b', 'empty']);
    expect(reader.metadata).toEqual({format: 'pt'});
    expect(reader.entry('a').shape).toEqual([2, 2]);
    expect(Array.from(await reader.float32('a'))).toEqual(Array.from(pair[0].data));
    expect(Array.from(await reader.int32('b'))).toEqual([7, -8, 9]);
    expect((await reader.float32('empty')).length).toBe(0);
    await reader.close();
  });

  it('start their data at a multiple of 8 bytes, so that nothing is copied', async () => {
    const bytes = encodeSafetensors(pair);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const reader = await SafetensorsReader.open(bytes);
    expect((await reader.float32('a')).buffer).toBe(bytes.buffer);
  });

  it('are read where they are misaligned', async () => {
    const bytes = encodeSafetensors(pair);
    const shifted = new Uint8Array(bytes.length + 1).subarray(1);
    shifted.set(bytes);
    const reader = await SafetensorsReader.open(shifted);
    expect(Array.from(await reader.float32('a'))).toEqual(Array.from(pair[0].data));
  });

  it('widen half floats exactly', async () => {
    // float16: 1, −2, 65504 (largest), 2^-24 (smallest), 2^-14 (smallest normal), ∞, NaN, −0
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 1, 0x0400, 0x7c00, 0x7e00, 0x8000);
    // bfloat16: 1, −3, 2^-133 (subnormal), −∞
    const brains = Uint16Array.of(0x3f80, 0xc040, 0x0001, 0xff80);
    const bytes = encodeSafetensors([
      {name: 'h', dtype: 'F16', shape: [8], data: halves},
      {name: 'b', dtype: 'BF16', shape: [4], data: brains},
    ]);
    const reader = await SafetensorsReader.open(bytes);
    const expected = [1, -2, 65504, 2 ** -24, 2 ** -14, Infinity, NaN, -0];
    expect(Array.from(await reader.float32('h'))).toEqual(expected);
    expect(Array.from(await reader.float32('b'))).toEqual([1, -3, 2 ** -133, -Infinity]);
  });

  it('are not written with the wrong size or a name twice', () => {
    const data = new Float32Array(3);
    const write = (names: string[], shape: number[]) => () =>
      encodeSafetensors(names.map((name) => ({name, shape, data})));
    expect(write(['x'], [2])).toThrowError(/'x' has 12 bytes, expected 8 for F32 \[2\]/);
    expect(write(['x', 'x'], [3])).toThrowError(/'x' is given twice/);
    expect(write(['toString', 'constructor'], [3])).not.toThrow();
  });

  it('are refused as the wrong dtype or by a wrong name', async () => {
    const reader = await SafetensorsReader.open(encodeSafetensors(pair));
    await expectAsync(reader.float32('b')).toBeRejectedWithError(
      /tensor 'b' has dtype I32, expected F32, F16 or BF16/,
    );
    await expectAsync(reader.int32('a')).toBeRejectedWithError(/has dtype F32, expected I32/);
    await expectAsync(reader.float32('c')).toBeRejectedWithError(
      /has no tensor 'c', expected one of: a, b, empty/,
    );
  });

  const entry = {dtype: 'F32', shape: [2], data_offsets: [0, 8]};
  const damaged: [string, Uint8Array, RegExp][] = [
    ['4 bytes', new Uint8Array(4), /x is truncated: it has 4 bytes/],
    ['cut in the header', encodeSafetensors(pair).subarray(0, 40), /x is truncated.*header/],
    [
      'cut in the data',
      encodeSafetensors(pair).subarray(0, -4),
      /x is truncated: it has 24 bytes of tensors, expected 28/,
    ],
    ['bytes to spare', file({a: entry}, 12), /4 bytes after its last tensor/],
    ['no JSON', file('{"a": ', 0), /x is not a safetensors file: its header is not JSON/],
    ['a list', file('[]', 0), /header is not a JSON object/],
    ['text', new TextEncoder().encode('<!doctype html><html></html>'), /claims a header of/],
    ['an unknown dtype', file({a: {...entry, dtype: 'F8'}}, 8), /dtype F8, expected one of/],
    ['no dtype', file({a: {shape: [2], data_offsets: [0, 8]}}, 8), /'a' has no dtype/],
    ['a bad shape', file({a: {...entry, shape: [-2]}}, 8), /has shape \[-2\]/],
    ['bad offsets', file({a: {...entry, data_offsets: [0]}}, 8), /has data_offsets \[0\]/],
    [
      'a wrong size',
      file({a: {...entry, shape: [3]}}, 8),
      /has 8 bytes, expected 12 for F32 \[3\]/,
    ],
    [
      'an overlap',
      file({a: entry, b: {...entry, data_offsets: [4, 12]}}, 12),
      /tensor 'b' overlaps the tensor before it/,
    ],
    [
      'a hole',
      file({a: entry, b: {...entry, data_offsets: [12, 20]}}, 20),
      /tensor 'b' leaves unused bytes before it/,
    ],
  ];
  for (const [what, bytes, message] of damaged) {
    it(`are refused with ${what}`, async () => {
      const opening = SafetensorsReader.open(memorySource(bytes, 'x'));
      await expectAsync(opening).toBeRejectedWithError(message);
    });
  }
});
