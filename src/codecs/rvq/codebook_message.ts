/** What a sender says about the wire codebooks: the bytes that go with each microbatch. */
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';
import {requireOptions} from '../../ops/check_options.js';
import {checkInteger} from '../../ops/check_values.js';

/**
 * A message, of which everything but the header may be missing. The receiver's copy must be at `version` (or become it by
 * `full`); then `slice` brings it to `version + 1`, and that copy is the one the microbatch was encoded with.
 */
export interface CodebookMessage {
  /** Incarnation of the sender: greater than that of any sender of this leg before it. */
  session: number;
  /** Number of the message, from 0, in the session. */
  seq: number;
  /** Changes of the wire codebooks before this message. */
  version: number;
  /** Rounds that the microbatch uses, 1 to `R`. */
  rounds: number;
  /** The whole copy before the slice: bfloat16 bits `[R, G, K, w]`. */
  full: Uint16Array | null;
  /** Some code indices, and the new codes: bfloat16 bits `[R·G, indices, w]`. */
  slice: {indices: Uint16Array; codes: Uint16Array} | null;
}

const HEADER_BYTES = 16;
const FULL = 1;
const SLICE = 2;

/**
 * Throws unless the sizes are those that a message can have.
 *
 * @param where The class that was given them.
 */
export function checkSize(where: string, size: CodebookSize): void {
  requireOptions(
    `${where}: size`,
    size,
    '{rounds: 2, groups: 8, codes: 256, width: 4}, as of codebooks [R, G, K, w]',
  );
  const most = {rounds: 255, groups: undefined, codes: 65536, width: undefined};
  for (const [name, limit] of Object.entries(most)) {
    checkInteger(where, `size.${name}`, size[name as keyof CodebookSize], 1, limit);
  }
}

/** Numbers of all codebooks together. */
export function codebookValues({rounds, groups, codes, width}: CodebookSize): number {
  return rounds * groups * codes * width;
}

/** Bytes of a message with the parts it has; `slice` counts code indices. */
export function messageLength(size: CodebookSize, full: boolean, slice: number): number {
  const {rounds, groups, width} = size;
  const whole = full ? 2 * codebookValues(size) : 0;
  return HEADER_BYTES + whole + slice * 2 * (1 + rounds * groups * width);
}

/** The bytes of a message, little-endian: flags, rounds, indices in the slice; session, seq, version; full; indices; codes. */
export function encodeMessage(message: CodebookMessage, size: CodebookSize): Uint8Array {
  const {session, seq, version, rounds, full, slice} = message;
  const count = slice?.indices.length ?? 0;
  const bytes = new Uint8Array(messageLength(size, full != null, count));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (full == null ? 0 : FULL) | (slice == null ? 0 : SLICE));
  view.setUint8(1, rounds);
  // 65536 codes at once are 0, which no slice is.
  view.setUint16(2, count & 0xffff, true);
  view.setUint32(4, session, true);
  view.setUint32(8, seq, true);
  view.setUint32(12, version, true);
  let at = HEADER_BYTES;
  for (const part of [full, slice?.indices, slice?.codes]) {
    for (let i = 0; part != null && i < part.length; i++, at += 2) {
      view.setUint16(at, part[i], true);
    }
  }
  return bytes;
}

/**
 * The message that `bytes` are.
 *
 * @throws Error if they are not what `encodeMessage` makes for codebooks of that size.
 */
export function decodeMessage(bytes: Uint8Array, size: CodebookSize): CodebookMessage {
  const bad = (what: string, expected: string | number): never => {
    throw new Error(`codebook message: ${what}, expected ${expected}`);
  };
  if (bytes.length < HEADER_BYTES) {
    bad(`${bytes.length} bytes`, `${HEADER_BYTES} or more`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = view.getUint8(0);
  if (flags > (FULL | SLICE)) {
    bad(`flags ${flags}`, '0 to 3');
  }
  const rounds = view.getUint8(1);
  if (rounds < 1 || rounds > size.rounds) {
    bad(`${rounds} rounds`, `1 to ${size.rounds}`);
  }
  const hasSlice = (flags & SLICE) !== 0;
  const written = view.getUint16(2, true);
  const count = hasSlice && written === 0 ? 65536 : written;
  if (count > size.codes || (!hasSlice && count > 0)) {
    bad(`a slice of ${count} codes`, `at most ${hasSlice ? size.codes : 0}`);
  }
  const isFull = (flags & FULL) !== 0;
  const length = messageLength(size, isFull, count);
  if (bytes.length !== length) {
    bad(`${bytes.length} bytes`, `${length}: cut off, or of codebooks of another size`);
  }
  let at = HEADER_BYTES;
  const take = (values: number) => {
    const part = new Uint16Array(values);
    for (let i = 0; i < values; i++, at += 2) {
      part[i] = view.getUint16(at, true);
    }
    return part;
  };
  const full = isFull ? take(codebookValues(size)) : null;
  const {groups, width} = size;
  const slice = hasSlice
    ? {indices: take(count), codes: take(count * size.rounds * groups * width)}
    : null;
  const wrong = slice?.indices.find((index) => index >= size.codes);
  if (wrong != null) {
    bad(`code ${wrong} in the slice`, `0 to ${size.codes - 1}`);
  }
  return {
    session: view.getUint32(4, true),
    seq: view.getUint32(8, true),
    version: view.getUint32(12, true),
    rounds,
    full,
    slice,
  };
}

/** The codes of some indices out of all codebooks: `[R·G, indices, w]`. */
export function takeSlice(
  wire: Uint16Array,
  indices: Uint16Array,
  size: CodebookSize,
): Uint16Array {
  const {rounds, groups, width} = size;
  const codes = new Uint16Array(rounds * groups * indices.length * width);
  eachCode(indices, size, (from, at) => codes.set(wire.subarray(from, from + width), at));
  return codes;
}

/** Writes them into all codebooks. */
export function putSlice(
  wire: Uint16Array,
  {indices, codes}: {indices: Uint16Array; codes: Uint16Array},
  size: CodebookSize,
): void {
  const {width} = size;
  eachCode(indices, size, (to, at) => wire.set(codes.subarray(at, at + width), to));
}

/** Places of each code of a slice: in the codebooks, and in the slice. */
function eachCode(
  indices: Uint16Array,
  {rounds, groups, codes, width}: CodebookSize,
  visit: (inAll: number, inSlice: number) => void,
): void {
  for (let book = 0, at = 0; book < rounds * groups; book++) {
    for (let i = 0; i < indices.length; i++, at += width) {
      visit((book * codes + indices[i]) * width, at);
    }
  }
}
