/** Writes safetensors files, in memory or to disk. */
import {DTYPE_BYTES, type SafetensorsDtype} from './safetensors_header.js';

/** A tensor to write. */
export interface TensorToWrite {
  name: string;
  /** Default `F32`. */
  dtype?: SafetensorsDtype;
  shape: number[];
  /** Little-endian elements of that dtype, as any typed array. */
  data: ArrayBufferView;
}

/**
 * A safetensors file as a list of pieces: header, then the data of each tensor (not copied). The pieces in this order are
 * the file. Data starts at a multiple of 8 bytes, as the reference implementation has it.
 *
 * @param tensors In the order of the file.
 * @param metadata Strings for `__metadata__`; Hugging Face expects `{format: 'pt'}`.
 * @throws On a name used twice, or data that does not fit its shape and dtype.
 */
export function safetensorsPieces(
  tensors: Iterable<TensorToWrite>,
  metadata?: Record<string, string>,
): Uint8Array[] {
  const header = new Map<string, unknown>(metadata == null ? [] : [['__metadata__', metadata]]);
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (const {name, dtype = 'F32', shape, data} of tensors) {
    if (header.has(name)) {
      throw new Error(`safetensors: tensor '${name}' is given twice, expected each name once.`);
    }
    const expected = shape.reduce((product, n) => product * n, DTYPE_BYTES[dtype]);
    if (data.byteLength !== expected) {
      throw new Error(
        `safetensors: tensor '${name}' has ${data.byteLength} bytes, expected ${expected} for ${dtype} [${shape.join(', ')}].`,
      );
    }
    const end = offset + data.byteLength;
    header.set(name, {dtype, shape, data_offsets: [offset, end]});
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return [head, ...pieces];
}

/** The same as one buffer. */
export function encodeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata?: Record<string, string>,
): Uint8Array {
  const pieces = safetensorsPieces(tensors, metadata);
  const file = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    file.set(piece, offset);
    offset += piece.length;
  }
  return file;
}
