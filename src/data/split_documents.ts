import type {SplitName, TextDocument} from './document.js';
import {hashText} from './hash.js';

/** How much text is held out, as shares of all characters. */
export interface SplitShares {
  /** Share for validation, e.g. 0.05. */
  validation: number;
  /** Share for the final test, e.g. 0.05. */
  test: number;
}

/** Cuts a long text at blank lines into pieces of about `size` characters; short ones stay whole. */
function pieces(document: TextDocument, size: number): TextDocument[] {
  if (document.text.length <= size * 1.5) return [document];
  const out: TextDocument[] = [];
  let start = 0;
  while (start < document.text.length) {
    let end = document.text.length;
    if (end - start > size * 1.5) {
      const at = document.text.indexOf('\n\n', start + size);
      if (at >= 0 && at - start <= size * 2) end = at + 2;
      else {
        // No paragraph ends nearby: cut at a blank, never inside a surrogate pair.
        const blank = document.text.lastIndexOf(' ', start + size);
        end = blank > start ? blank + 1 : start + size;
        if (/[\uDC00-\uDFFF]/.test(document.text[end] ?? '')) end++;
      }
    }
    out.push({name: `${document.name}#${out.length}`, text: document.text.slice(start, end)});
    start = end;
  }
  return out;
}

/**
 * Splits a corpus into training, validation and test text. Whole documents go to one side, long ones in
 * pieces, in an order given by the hash of their names: the same corpus is split the same way
 * everywhere, and a document added later moves few others.
 *
 * @param documents The corpus; names must be unique.
 * @param shares Shares of characters to hold out.
 * @param seed Another seed gives another split.
 * @return Documents of each part, in the corpus' order.
 * @throws Error on empty text, on repeated names, and on shares that leave nothing to train on.
 */
export function splitDocuments(
  documents: TextDocument[],
  shares: SplitShares,
  seed = 0,
): Record<SplitName, TextDocument[]> {
  const {validation, test} = shares;
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    throw new Error(
      `splitDocuments: shares are validation=${validation}, test=${test}; ` +
        'both must be 0 or more and leave something to train on (sum below 1).',
    );
  }
  const names = new Set<string>();
  let total = 0;
  for (const {name, text} of documents) {
    if (names.has(name)) throw new Error(`splitDocuments: two documents are named '${name}'.`);
    names.add(name);
    total += text.length;
  }
  if (!documents.some(({text}) => text.trim().length)) {
    throw new Error(
      `splitDocuments: the text is empty (${documents.length} documents, ${total} characters). ` +
        'Give a file or folder that has text in it.',
    );
  }
  const size = Math.max(64, Math.min(16384, Math.floor(total / 60)));
  const parts = documents.flatMap((document) => pieces(document, size));
  const order = parts
    .map((part, index) => ({index, key: hashText(part.name, seed), size: part.text.length}))
    .sort((a, b) => a.key - b.key || a.index - b.index);
  const side = new Array<SplitName>(parts.length).fill('train');
  let held = 0;
  for (const {index, size} of order) {
    // By its middle: a piece larger than the share is not held out, so something is left to train on.
    const middle = held + size / 2;
    if (middle < test * total) side[index] = 'test';
    else if (middle < (test + validation) * total) side[index] = 'validation';
    else break;
    held += size;
  }
  const pick = (name: SplitName) => parts.filter((_, i) => side[i] === name);
  return {train: pick('train'), validation: pick('validation'), test: pick('test')};
}
