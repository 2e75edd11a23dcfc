import {requireOptions} from '../../ops/check_options.js';
import {checkBytes, checkInteger, checkList, checkMembers} from '../../ops/check_values.js';
import {frameChecksum} from './checksum.js';
import type {Frame, FrameTensor, JsonValue, OutgoingFrame} from './frame.js';
import {
  ALIGNMENT,
  DTYPES,
  FIXED_BYTES,
  LENGTH_BYTES,
  MAGIC,
  TYPE_CODES,
  WIRE_VERSION,
} from './header_layout.js';
import {FrameTooLarge} from './wire_errors.js';

const utf8 = new TextEncoder();

/** What `encodeFrame` takes: a frame, or what a sender fills in of one. */
export type EncodableFrame = OutgoingFrame & Partial<Pick<Frame, 'epoch' | 'seq'>>;

/** Bytes of a frame as billed: `payload` are the tensors, `header` is everything else. */
export interface FrameSize {
  readonly header: number;
  readonly payload: number;
  readonly total: number;
}

/** The numbers of the fixed header in the order in which they lie there; -1 is allowed in the last two. */
function fixedFields(frame: EncodableFrame): number[] {
  const {type, epoch = 0, seq = 0, step = 0, microbatch = -1, stage = -1} = frame;
  const fields = {epoch, seq, step, microbatch, stage};
  for (const [name, value] of Object.entries(fields)) {
    const signed = name === 'microbatch' || name === 'stage';
    const [least, most] = signed ? [-1, 0x7fffffff] : [0, 0xffffffff];
    checkInteger('encodeFrame', `${name} of a frame of type '${type}'`, value, least, most);
  }
  return Object.values(fields);
}

function shortName(what: string, name: string): Uint8Array {
  const bytes = utf8.encode(name);
  if (bytes.length === 0 || bytes.length > 255) {
    throw new Error(
      `encodeFrame: ${what} '${name}' takes ${bytes.length} bytes; expected 1 to 255.`,
    );
  }
  return bytes;
}

function messageBytes(frame: EncodableFrame): Uint8Array {
  if (frame.message === undefined) {
    return new Uint8Array(0);
  }
  const refuseNonFinite = (key: string, value: JsonValue) => {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new Error(
        `encodeFrame: message of a frame of type '${frame.type}' has ${value} at '${key}', ` +
          'which JSON cannot say; send it as a tensor.',
      );
    }
    return value;
  };
  return utf8.encode(JSON.stringify(frame.message, refuseNonFinite));
}

function tableEntry(tensor: FrameTensor): {bytes: Uint8Array; dtype: number}[] {
  const dtype = DTYPES.indexOf(tensor.dtype);
  if (dtype < 0) {
    throw new Error(
      `encodeFrame: dtype of tensor '${tensor.name}' is '${tensor.dtype}'; ` +
        `expected one of ${DTYPES.join(', ')}.`,
    );
  }
  if (tensor.shape.length > 255) {
    throw new Error(`encodeFrame: tensor '${tensor.name}' has rank ${tensor.shape.length} > 255.`);
  }
  for (const dimension of tensor.shape) {
    if (!Number.isInteger(dimension) || dimension < 0 || dimension > 0xffffffff) {
      throw new Error(
        `encodeFrame: shape of tensor '${tensor.name}' is [${tensor.shape.join(', ')}]; ` +
          'expected whole numbers from 0 to 4294967295.',
      );
    }
  }
  return [
    {bytes: shortName('name of a tensor', tensor.name), dtype},
    {bytes: shortName(`codec of tensor '${tensor.name}',`, tensor.codec), dtype},
  ];
}

function checkFrameTensor(tensor: FrameTensor, index: number): void {
  const name = `tensors[${index}]`;
  const members = ['name', 'codec', 'dtype', 'shape', 'bytes'];
  checkMembers('encodeFrame', name, tensor, members, `{${members.join(', ')}}`);
  checkList('encodeFrame', `shape of ${name}`, tensor.shape, 'a list of sizes');
  checkBytes('encodeFrame', `bytes of ${name}`, tensor.bytes);
}

interface Plan {
  readonly size: FrameSize;
  readonly fields: number[];
  readonly entries: {bytes: Uint8Array; dtype: number}[][];
  readonly message: Uint8Array;
}

function planFrame(frame: EncodableFrame): Plan {
  requireOptions('encodeFrame', frame, `{type: 'activation', step: 1, tensors: []}`);
  if (!Object.hasOwn(TYPE_CODES, String(frame.type))) {
    throw new Error(
      `encodeFrame: type is '${String(frame.type)}'; expected one of ${Object.keys(TYPE_CODES).join(', ')}.`,
    );
  }
  const fields = fixedFields(frame);
  const tensors = frame.tensors ?? [];
  checkList('encodeFrame', 'tensors', tensors, 'a list of packed tensors');
  tensors.forEach(checkFrameTensor);
  if (tensors.length > 0xffff) {
    throw new Error(`encodeFrame: ${tensors.length} tensors in a frame; at most 65535 fit.`);
  }
  const message = messageBytes(frame);
  let unpadded = FIXED_BYTES + message.length;
  let payload = 0;
  const entries = tensors.map((tensor) => {
    const entry = tableEntry(tensor);
    unpadded += 8 + entry[0].bytes.length + entry[1].bytes.length + 4 * tensor.shape.length;
    payload += tensor.bytes.byteLength;
    return entry;
  });
  const header = Math.ceil(unpadded / ALIGNMENT) * ALIGNMENT;
  if (header + payload - LENGTH_BYTES > 0xffffffff) {
    throw new FrameTooLarge(
      `a frame of type '${frame.type}' of ${header + payload} bytes does not fit the 32 bits of ` +
        'its length; send the tensors in several frames.',
    );
  }
  return {size: {header, payload, total: header + payload}, fields, entries, message};
}

/** How many bytes `encodeFrame` makes of the frame. Throws all that `encodeFrame` throws. */
export function frameSize(frame: EncodableFrame): FrameSize {
  return planFrame(frame).size;
}

/**
 * The bytes of a frame: the header, then each tensor's bytes, not copied. All together are one
 * message: send them one after the other with nothing between.
 *
 * @throws Error naming the field that is out of range; FrameTooLarge beyond 4 GiB.
 */
export function encodeFrame(frame: EncodableFrame): Uint8Array[] {
  const {size, fields, entries, message} = planFrame(frame);
  const tensors = frame.tensors ?? [];
  const header = new Uint8Array(size.header);
  const view = new DataView(header.buffer);
  view.setUint32(0, size.total - LENGTH_BYTES, true);
  view.setUint32(4, MAGIC, true);
  view.setUint8(8, WIRE_VERSION);
  view.setUint8(9, TYPE_CODES[frame.type]);
  view.setUint16(10, tensors.length, true);
  // setUint32 writes -1 as setInt32 does.
  fields.forEach((value, i) => view.setUint32(12 + 4 * i, value, true));
  view.setUint32(32, size.header, true);
  view.setUint32(36, message.length, true);
  let at = FIXED_BYTES;
  tensors.forEach((tensor, i) => {
    for (const {bytes} of entries[i]) {
      header[at++] = bytes.length;
      header.set(bytes, at);
      at += bytes.length;
    }
    header[at++] = entries[i][0].dtype;
    header[at++] = tensor.shape.length;
    for (const dimension of [...tensor.shape, tensor.bytes.byteLength]) {
      view.setUint32(at, dimension, true);
      at += 4;
    }
  });
  header.set(message, at);
  const pieces = [header, ...tensors.map((tensor) => tensor.bytes)];
  view.setUint32(40, frameChecksum(pieces), true);
  return pieces;
}

/** The pieces in one new buffer. */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array {
  checkList('joinPieces', 'pieces', pieces, 'a list of bytes, such as encodeFrame gives');
  pieces.forEach((piece, i) => checkBytes('joinPieces', `pieces[${i}]`, piece));
  let length = 0;
  for (const piece of pieces) {
    length += piece.byteLength;
  }
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
}
