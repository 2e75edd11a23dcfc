import {writeFileAtomic} from './cache_folder.js';

/** Encoded text in memory. */
export type TokenArray = Uint16Array | Uint32Array | Int32Array;

/** First bytes of a token file; the digit is the version of the format. */
const MAGIC = 'MAPLTOK1';
/** Magic, bytes a token, vocabulary size, number of tokens (both uint32), padding. */
const HEADER_BYTES = 24;

/** The narrowest unsigned array that holds every id of a vocabulary. */
export function tokenArray(length: number, vocabSize: number): Uint16Array | Uint32Array {
  return vocabSize <= 65536 ? new Uint16Array(length) : new Uint32Array(length);
}

/**
 * Writes encoded text: a 24-byte header, then little-endian ids of 2 bytes (4 where the vocabulary
 * needs them). Written beside and renamed.
 *
 * @param file Where to.
 * @param tokens The ids.
 * @param vocabSize Size of the vocabulary they belong to.
 */
export async function writeTokenFile(
  file: string,
  tokens: Uint16Array | Uint32Array,
  vocabSize: number,
): Promise<void> {
  const width = tokens.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(HEADER_BYTES + tokens.length * width);
  bytes.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, width, true);
  view.setUint32(12, vocabSize, true);
  view.setUint32(16, tokens.length, true);
  for (let i = 0, at = HEADER_BYTES; i < tokens.length; i++, at += width) {
    if (width === 2) view.setUint16(at, tokens[i], true);
    else view.setUint32(at, tokens[i], true);
  }
  await writeFileAtomic(file, bytes);
}

/**
 * Reads a token file.
 *
 * @param file Where from.
 * @return The ids and the size of their vocabulary.
 * @throws Error on a file that is truncated, or no token file.
 */
export async function readTokenFile(
  file: string,
): Promise<{tokens: Uint16Array | Uint32Array; vocabSize: number}> {
  const fs = await import('node:fs/promises');
  const bytes = await fs.readFile(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || bytes.subarray(0, 8).toString('latin1') !== MAGIC) {
    throw new Error(
      `readTokenFile: '${file}' is not a token file (it should begin with ${MAGIC}).`,
    );
  }
  const width = view.getUint32(8, true);
  const vocabSize = view.getUint32(12, true);
  const length = view.getUint32(16, true);
  if ((width !== 2 && width !== 4) || bytes.length !== HEADER_BYTES + length * width) {
    throw new Error(
      `readTokenFile: '${file}' has ${bytes.length} bytes, its header says ` +
        `${HEADER_BYTES + length * width} (${length} tokens of ${width} bytes). ` +
        'It is truncated or damaged: delete it, and it is made again.',
    );
  }
  const tokens = width === 2 ? new Uint16Array(length) : new Uint32Array(length);
  for (let i = 0, at = HEADER_BYTES; i < length; i++, at += width) {
    tokens[i] = width === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  }
  return {tokens, vocabSize};
}
