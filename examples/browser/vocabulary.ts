/** Text to ids and back. Both vocabularies take every text in every language and give it back unchanged. */
import {TextTokenizer} from '../../src/data/tokenizer.js';
import {yieldToPage} from './yield_to_page.js';
import type {VocabularyName} from './settings.js';

export interface Vocabulary {
  /** Number of ids. */
  size: number;
  /** Ids of a text; lets the page breathe in between. */
  encode(text: string): Promise<Int32Array>;
  /** Text of ids. Bytes that make no character become U+FFFD, at the end where more may follow nothing. */
  decode(ids: readonly number[]): string;
}

/** The 256 bytes of UTF-8: the smallest model, and no language is preferred. */
export const bytes: Vocabulary = {
  size: 256,
  encode: async (text) => Int32Array.from(new TextEncoder().encode(text)),
  decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids)),
};

/** Characters that are encoded at a time. */
const PIECE = 50_000;

/**
 * The 2048 byte-level subwords that come with the package: some three letters of English a token; other scripts fall
 * back to bytes, so that no text is longer than with {@link bytes}.
 *
 * @param json Parsed `tokenizer.json`.
 */
export function subwords(json: unknown): Vocabulary {
  const tokenizer = new TextTokenizer(json);
  return {
    size: tokenizer.vocabSize,
    async encode(text) {
      const pieces: Int32Array[] = [];
      for (let start = 0; start < text.length;) {
        // Between words, which the tokenizer would not join either.
        const space = text.lastIndexOf(' ', start + PIECE);
        const near = start + PIECE >= text.length ? text.length : start + PIECE;
        const end = near < text.length && space > start ? space : near;
        pieces.push(tokenizer.encode(text.slice(start, end)));
        start = end;
        await yieldToPage();
      }
      const ids = new Int32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        ids.set(piece, at);
        at += piece.length;
      }
      return ids;
    },
    decode: (ids) => whole(tokenizer.decode(ids)),
  };
}

/** Without the half of a character at the end. */
function whole(text: string): string {
  return text.replace(/\ufffd+$/, '');
}

/**
 * Text as it is trained on: line ends as `\n`, and halves of surrogate pairs, which no UTF-8 stands for, as U+FFFD.
 */
export function cleanText(text: string): string {
  const wellFormed = new TextDecoder().decode(new TextEncoder().encode(text));
  return wellFormed.replace(/\r\n?/g, '\n');
}

/**
 * A vocabulary by name.
 *
 * @param readTokenizer Gives the parsed `tokenizer.json`; asked only when it is needed.
 */
export async function loadVocabulary(
  name: VocabularyName,
  readTokenizer: () => Promise<unknown>,
): Promise<Vocabulary> {
  return name === 'bytes' ? bytes : subwords(await readTokenizer());
}
