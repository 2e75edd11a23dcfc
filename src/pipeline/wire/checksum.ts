import crc32 from 'crc-32';
import {LENGTH_BYTES} from './header_layout.js';

const CHECKSUM_AT = 40;

/**
 * CRC-32 of a frame given in pieces, the first of which holds the fixed header: all bytes but the
 * length and the checksum itself. The encryption of a transport already authenticates what
 * crosses; this catches faults of our own buffers and of transports without encryption.
 */
export function frameChecksum(pieces: readonly Uint8Array[]): number {
  const [header, ...rest] = pieces;
  let crc = crc32.buf(header.subarray(LENGTH_BYTES, CHECKSUM_AT));
  crc = crc32.buf(header.subarray(CHECKSUM_AT + 4), crc);
  for (const piece of rest) {
    crc = crc32.buf(piece, crc);
  }
  return crc >>> 0;
}
