import {checkBytes} from '../../ops/check_values.js';
import {frameChecksum} from './checksum.js';
import type {Frame, FrameTensor, JsonValue} from './frame.js';
import {
  DTYPES,
  FIXED_BYTES,
  LENGTH_BYTES,
  MAGIC,
  TYPE_OF_CODE,
  WIRE_VERSION,
} from './header_layout.js';
import {BadChecksum, BadHeader, BadMagic, BadVersion, TruncatedFrame} from './wire_errors.js';

const utf8 = new TextDecoder('utf-8', {fatal: true});

/**
 * Checks the first 8 bytes of a frame and tells how many bytes it has in all.
 *
 * @throws BadMagic
 */
export function announcedBytes(start: Uint8Array): number {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const magic = view.getUint32(4, true);
  if (magic !== MAGIC) {
    throw new BadMagic(
      `a frame begins with 0x${magic.toString(16)} instead of 0x${MAGIC.toString(16)} ("MAPL"): ` +
        'the peer does not speak this protocol, or bytes were lost.',
    );
  }
  return view.getUint32(0, true) + LENGTH_BYTES;
}

function text(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new BadHeader(`the ${what} of a frame is not UTF-8.`);
  }
}

/** Reads the table of tensors; every read is checked against the end of the header. */
function readTensors(bytes: Uint8Array, count: number, headerBytes: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = FIXED_BYTES;
  const take = (length: number): number => {
    if (at + length > headerBytes) {
      throw new BadHeader(`the table of ${count} tensors of a frame runs past its header.`);
    }
    at += length;
    return at - length;
  };
  const takeName = (what: string): string => {
    const length = bytes[take(1)];
    const start = take(length);
    return text(bytes.subarray(start, start + length), what);
  };
  let payloadAt = headerBytes;
  const tensors: FrameTensor[] = [];
  for (let i = 0; i < count; i++) {
    const name = takeName('name of a tensor');
    const codec = takeName('name of a codec');
    const dtype = DTYPES[bytes[take(1)]];
    if (dtype == null) {
      throw new BadHeader(`tensor '${name}' of a frame has an unknown dtype.`);
    }
    const shape = Array.from({length: bytes[take(1)]}, () => view.getUint32(take(4), true));
    const end = payloadAt + view.getUint32(take(4), true);
    if (end > bytes.byteLength) {
      throw new BadHeader(`tensor '${name}' of a frame runs past the payload.`);
    }
    tensors.push({name, codec, dtype, shape, bytes: bytes.subarray(payloadAt, end)});
    payloadAt = end;
  }
  if (payloadAt !== bytes.byteLength) {
    throw new BadHeader(
      `the payload of a frame has ${bytes.byteLength - payloadAt} bytes too many.`,
    );
  }
  return {tensors, at};
}

/**
 * The frame in `bytes`, which is exactly one. The tensors' bytes are views of `bytes`.
 *
 * @throws TruncatedFrame, BadMagic, BadVersion, BadChecksum, BadHeader
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  checkBytes('decodeFrame', 'bytes', bytes);
  if (bytes.byteLength < 8) {
    throw new TruncatedFrame(`a frame has at least ${FIXED_BYTES} bytes, got ${bytes.byteLength}.`);
  }
  const announced = announcedBytes(bytes);
  if (announced > bytes.byteLength || bytes.byteLength < FIXED_BYTES) {
    throw new TruncatedFrame(`a frame of ${announced} bytes ends after ${bytes.byteLength}.`);
  }
  if (bytes[8] !== WIRE_VERSION) {
    throw new BadVersion(
      `a frame is of version ${bytes[8]}, here version ${WIRE_VERSION} is spoken; ` +
        'run the same release of tfjs-mapl on all peers.',
    );
  }
  if (announced < bytes.byteLength) {
    throw new BadHeader(`a frame of ${announced} bytes is followed by other bytes.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const checksum = view.getUint32(40, true);
  const actual = frameChecksum([bytes]);
  if (checksum !== actual) {
    throw new BadChecksum(
      `the checksum of a frame of ${announced} bytes is 0x${actual.toString(16)}, ` +
        `its header says 0x${checksum.toString(16)}: bytes were changed on the way.`,
    );
  }
  const type = TYPE_OF_CODE.get(bytes[9]);
  if (type == null) {
    throw new BadHeader(`a frame has the unknown type ${bytes[9]}.`);
  }
  const headerBytes = view.getUint32(32, true);
  const messageLength = view.getUint32(36, true);
  if (headerBytes < FIXED_BYTES || headerBytes > bytes.byteLength) {
    throw new BadHeader(`a frame of ${announced} bytes has a header of ${headerBytes}.`);
  }
  const {tensors, at} = readTensors(bytes, view.getUint16(10, true), headerBytes);
  if (at + messageLength > headerBytes) {
    throw new BadHeader(`the message of a frame of type '${type}' runs past its header.`);
  }
  let message: JsonValue | undefined;
  if (messageLength > 0) {
    const json = text(bytes.subarray(at, at + messageLength), 'message');
    try {
      message = JSON.parse(json) as JsonValue;
    } catch {
      throw new BadHeader(`the message of a frame of type '${type}' is not JSON.`);
    }
  }
  return {
    type,
    epoch: view.getUint32(12, true),
    seq: view.getUint32(16, true),
    step: view.getUint32(20, true),
    microbatch: view.getInt32(24, true),
    stage: view.getInt32(28, true),
    tensors,
    message,
  };
}
