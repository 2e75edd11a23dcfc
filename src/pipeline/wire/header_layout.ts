/**
 * The bytes of a frame, little-endian:
 *
 *     0  u32  bytes after this field      24  i32  microbatch
 *     4  u32  magic, "MAPL"               28  i32  stage
 *     8  u8   version                     32  u32  bytes before the payload, a multiple of 8
 *     9  u8   type                        36  u32  bytes of the message
 *    10  u16  number of tensors           40  u32  CRC-32 of all bytes but 0..3 and 40..43
 *    12  u32  epoch                       44       tensors, message, padding with 0, payload
 *    16  u32  seq
 *    20  u32  step
 *
 * A tensor: u8 length of the name, name, u8 length of the codec's name, that name, u8 dtype,
 * u8 rank, u32 per dimension, u32 bytes in the payload. Names and the message are UTF-8, the
 * message is JSON. The payload is the tensors' bytes one after the other.
 */
import type {FrameTensor, FrameType} from './frame.js';

/** Raised with every change of the layout. */
export const WIRE_VERSION = 1;

/** "MAPL", read as a little-endian u32. */
export const MAGIC = 0x4c50414d;

/** Bytes of the length that precedes the rest. */
export const LENGTH_BYTES = 4;

/** Bytes before the table of tensors. */
export const FIXED_BYTES = 44;

/** The payload begins at a multiple of this, so that typed arrays can look at it. */
export const ALIGNMENT = 8;

/** Largest frame where nothing else is asked: 64 MiB. */
export const DEFAULT_MAX_FRAME_BYTES = 64 * 1024 * 1024;

export const TYPE_CODES: Readonly<Record<FrameType, number>> = {
  hello: 1,
  refuse: 2,
  credit: 3,
  heartbeat: 4,
  close: 5,
  activation: 16,
  gradient: 17,
  reduce: 18,
  commit: 19,
  control: 20,
  abort: 21,
};

export const TYPE_OF_CODE: ReadonlyMap<number, FrameType> = new Map(
  (Object.keys(TYPE_CODES) as FrameType[]).map((type) => [TYPE_CODES[type], type]),
);

export const DTYPES: ReadonlyArray<FrameTensor['dtype']> = ['float32', 'int32'];
