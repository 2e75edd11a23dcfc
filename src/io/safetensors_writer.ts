/** Writes safetensors files, in memory or to disk. */
import {checkList, checkMembers, checkText, refuseValue} from '../ops/check_values.js';
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
  for (const tensor of listOf(tensors)) {
    const {name, dtype = 'F32', shape, data} = tensor;
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

/** The tensors, each with name, shape and data of a kind that can be written. */
function listOf(tensors: Iterable<TensorToWrite>): TensorToWrite[] {
  const where = 'safetensors';
  const given = tensors as Partial<Iterable<TensorToWrite>> | null | undefined;
  if (typeof given !== 'object' || typeof given?.[Symbol.iterator] !== 'function') {
    refuseValue(where, 'tensors', tensors, 'a list of {name, shape, data}');
  }
  return Array.from(tensors, (tensor, i) => {
    const name = `tensors[${i}]`;
    checkMembers(where, name, tensor, ['name', 'shape', 'data'], '{name, shape, data}');
    checkText(where, `name of ${name}`, tensor.name, 'a text');
    checkList(where, `shape of ${name}`, tensor.shape, 'a list of sizes');
    if (!ArrayBuffer.isView(tensor.data)) {
      refuseValue(where, `data of ${name}`, tensor.data, 'a typed array');
    }
    if (!Object.hasOwn(DTYPE_BYTES, tensor.dtype ?? 'F32')) {
      const known = Object.keys(DTYPE_BYTES).join(', ');
      refuseValue(where, `dtype of ${name}`, tensor.dtype, `one of ${known}`);
    }
    return tensor;
  });
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
