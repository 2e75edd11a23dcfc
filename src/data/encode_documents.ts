import type {TextDocument} from './document.js';
import {tokenArray} from './token_file.js';
import type {TextTokenizer} from './tokenizer.js';

/** Whether `next` is the piece that follows `document` in the same long text. */
function continues(document: TextDocument, next: TextDocument | undefined): boolean {
  const piece = (name: string) => /^(.*)#(\d+)$/s.exec(name);
  const here = piece(document.name);
  const there = next && piece(next.name);
  return !!here && !!there && here[1] === there[1] && Number(here[2]) + 1 === Number(there[2]);
}

/**
 * Encodes documents one after the other, the end-of-text id after each (not between pieces of one text
 * that follow each other).
 *
 * @param documents Text.
 * @param tokenizer The vocabulary.
 * @param onProgress Called with the share done, 0 to 1, every few documents.
 * @return All ids.
 */
export async function encodeDocuments(
  documents: TextDocument[],
  tokenizer: TextTokenizer,
  onProgress: (share: number) => void = () => {},
): Promise<Uint16Array | Uint32Array> {
  const total = documents.reduce((sum, {text}) => sum + text.length, 0);
  const parts: Int32Array[] = [];
  let length = 0;
  let done = 0;
  let told = Date.now();
  for (let i = 0; i < documents.length; i++) {
    const ids = tokenizer.encode(documents[i].text);
    const mark = tokenizer.endOfText !== null && !continues(documents[i], documents[i + 1]);
    parts.push(ids);
    length += ids.length;
    if (mark) {
      parts.push(Int32Array.of(tokenizer.endOfText as number));
      length++;
    }
    done += documents[i].text.length;
    if (Date.now() - told > 100) {
      told = Date.now();
      onProgress(done / total);
      // Let timers and signals in: encoding is one long computation.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  onProgress(1);
  const tokens = tokenArray(length, tokenizer.vocabSize);
  let at = 0;
  for (const part of parts) {
    tokens.set(part, at);
    at += part.length;
  }
  return tokens;
}
