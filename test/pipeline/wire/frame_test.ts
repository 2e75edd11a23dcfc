import {
  BadChecksum,
  BadHeader,
  BadMagic,
  BadVersion,
  FrameReader,
  FrameTooLarge,
  TruncatedFrame,
  decodeFrame,
  encodeFrame,
  frameSize,
  frameTensor,
  joinPieces,
} from '../../../src/pipeline/wire/index.js';
import type {EncodableFrame, FrameTensor} from '../../../src/pipeline/wire/index.js';

const tensor = (name: string, shape: number[], bytes: number[]): FrameTensor => ({
  name,
  codec: 'float32',
  dtype: 'float32',
  shape,
  bytes: Uint8Array.from(bytes),
});

const full: EncodableFrame = {
  type: 'activation',
  epoch: 0xffffffff,
  seq: 0x80000001,
  step: 123456,
  microbatch: 3,
  stage: 2,
  tensors: [
    tensor('z', [2, 1], [1, 2, 3, 4, 5, 6, 7, 8]),
    {...tensor('ids', [3], [9, 10, 11]), codec: 'uint16', dtype: 'int32'},
    tensor('scalar ü', [], []),
  ],
  message: {norm: 0.1, ключ: [null, true, -0.5e-300]},
};

const encoded = (frame: EncodableFrame) => joinPieces(encodeFrame(frame));

describe('frames', () => {
  it('come back as they were', () => {
    const frame = decodeFrame(encoded(full));
    expect(frame as object).toEqual(full);
    expect(frameTensor(frame, 'ids').bytes).toEqual(Uint8Array.from([9, 10, 11]));
    expect(() => frameTensor(frame, 'y')).toThrowError(/no tensor 'y'; it has: z, ids, scalar ü/);
  });

  it('have defaults for what is not said', () => {
    const frame = decodeFrame(encoded({type: 'control'}));
    expect(frame as object).toEqual({
      type: 'control',
      epoch: 0,
      seq: 0,
      step: 0,
      microbatch: -1,
      stage: -1,
      tensors: [],
      message: undefined,
    });
  });

  it('are as long as frameSize says, and only tensors are payload', () => {
    const size = frameSize(full);
    const pieces = encodeFrame(full);
    expect(pieces[0].length).toBe(size.header);
    expect(size.header % 8).toBe(0);
    expect(size.payload).toBe(11);
    expect(joinPieces(pieces).length).toBe(size.total);
    expect(size.total).toBe(size.header + size.payload);
  });

  it('do not copy the payload when they are encoded', () => {
    const bytes = new Uint8Array(64);
    expect(encodeFrame({type: 'gradient', tensors: [{...tensor('z', [16], []), bytes}]})[1]).toBe(
      bytes,
    );
  });

  it('are errors at any length but their own', () => {
    const bytes = encoded(full);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeFrame(bytes.subarray(0, length)))
        .withContext(`${length} bytes`)
        .toThrowError(TruncatedFrame);
    }
    expect(() => decodeFrame(joinPieces([bytes, new Uint8Array(1)]))).toThrowError(BadHeader);
  });

  it('are errors with any bit changed', () => {
    const bytes = encoded(full);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] ^= 1 << (at % 8);
      const expected = at < 4 ? Error : at < 8 ? BadMagic : at === 8 ? BadVersion : BadChecksum;
      expect(() => decodeFrame(changed))
        .withContext(`byte ${at}`)
        .toThrowError(expected);
    }
  });

  it('name the field that cannot be sent', () => {
    const cases: [Partial<EncodableFrame>, RegExp][] = [
      [{step: -1}, /step .* is -1/],
      [{step: 1.5}, /step .* is 1\.5/],
      [{seq: 2 ** 32}, /seq .* is 4294967296/],
      [{microbatch: -2}, /microbatch .* is -2/],
      [{stage: NaN}, /stage .* is NaN/],
      [{message: {loss: NaN}}, /NaN at 'loss'/],
      [{message: [Infinity]}, /Infinity at '0'/],
      [{type: 'actvation' as 'activation'}, /type is 'actvation'/],
      [{tensors: [tensor('', [1], [0])]}, /name of a tensor/],
      [{tensors: [tensor('x'.repeat(256), [1], [0])]}, /256 bytes/],
      [{tensors: [tensor('z', [-1], [0])]}, /shape of tensor 'z' is \[-1\]/],
      [{tensors: [{...tensor('z', [1], [0]), dtype: 'bool' as 'int32'}]}, /dtype .* 'bool'/],
    ];
    for (const [change, message] of cases) {
      expect(() => encodeFrame({...full, ...change})).toThrowError(message);
      expect(() => frameSize({...full, ...change})).toThrowError(message);
    }
  });
});

describe('FrameReader', () => {
  it('finds frames in pieces of any size', () => {
    const frames = [full, {type: 'control'} as const, {...full, seq: 7}];
    const stream = joinPieces(frames.flatMap((frame) => encodeFrame(frame)));
    for (const step of [1, 2, 3, 7, 8, 9, 64, stream.length]) {
      const reader = new FrameReader(4096);
      const found = [];
      for (let at = 0; at < stream.length; at += step) {
        found.push(...reader.push(stream.subarray(at, at + step)));
      }
      expect(found.map(({frame}) => frame.seq))
        .withContext(`by ${step}`)
        .toEqual([0x80000001, 0, 7]);
      expect(found.reduce((sum, {bytes}) => sum + bytes, 0)).toBe(stream.length);
      expect(reader.unfinishedBytes).toBe(0);
    }
  });

  it('keeps nothing of the bytes that it is given', () => {
    const bytes = encoded(full);
    const [{frame}] = [...new FrameReader(4096).push(bytes)];
    bytes.fill(0);
    expect(frame.tensors[0].bytes).toEqual(full.tensors![0].bytes);
  });

  it('refuses a frame that announces too much, before it takes memory for it', () => {
    const bytes = encoded(full);
    const start = bytes.slice(0, 8);
    new DataView(start.buffer).setUint32(0, 0xfffffff0, true);
    expect(() => [...new FrameReader(4096).push(start)]).toThrowError(FrameTooLarge);
    expect(() => [...new FrameReader(bytes.length - 1).push(bytes)]).toThrowError(FrameTooLarge);
    expect([...new FrameReader(bytes.length).push(bytes)].length).toBe(1);
  });

  it('refuses garbage after 8 bytes, and knows of unfinished frames', () => {
    const garbage = new TextEncoder().encode('GET / HTTP/1.1\r\n');
    expect(() => [...new FrameReader(4096).push(garbage)]).toThrowError(BadMagic);
    const short = encoded(full).slice(0, 8);
    new DataView(short.buffer).setUint32(0, 4, true);
    expect(() => [...new FrameReader(4096).push(short)]).toThrowError(BadHeader);
    const reader = new FrameReader(4096);
    expect([...reader.push(encoded(full).subarray(0, 50))]).toEqual([]);
    expect(reader.unfinishedBytes).toBe(50);
  });
});
