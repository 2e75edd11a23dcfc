import type Path from 'node:path';
import type {TextDocument} from './document.js';

/** Endings of files that are taken for text when a folder is given. */
const TEXT_ENDINGS = ['txt', 'md', 'text', 'rst'];

/** Files named by one argument: a file, a folder (text files below it) or a pattern. */
async function matches(source: string): Promise<string[]> {
  const fs = await import('node:fs/promises');
  const {glob, convertPathToPattern, isDynamicPattern} = await import('tinyglobby');
  const stat = await fs.stat(source).catch(() => null);
  if (stat?.isFile()) return [source];
  const options = {onlyFiles: true, expandDirectories: false};
  if (stat?.isDirectory()) {
    const pattern = `${convertPathToPattern(source)}/**/*.{${TEXT_ENDINGS.join(',')}}`;
    const files = await glob(pattern, options);
    if (files.length) return files;
    throw new Error(
      `The folder '${source}' has no text files (${TEXT_ENDINGS.map((e) => `.${e}`).join(', ')}).`,
    );
  }
  if (isDynamicPattern(source)) {
    const files = await glob(source.replaceAll('\\', '/'), options);
    if (files.length) return files;
    throw new Error(`No file matches the pattern '${source}'.`);
  }
  throw new Error(`There is no file or folder '${source}' to read text from.`);
}

/** Decodes UTF-8 strictly, naming the first byte that is none. */
function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
  } catch {
    // Find the place by halves: the longest prefix that is valid but for a cut last character.
    let low = 0;
    let high = bytes.length;
    const valid = (length: number) => {
      try {
        new TextDecoder('utf-8', {fatal: true}).decode(bytes.subarray(0, length), {stream: true});
        return true;
      } catch {
        return false;
      }
    };
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (valid(middle)) low = middle;
      else high = middle - 1;
    }
    throw new Error(
      `'${file}' is not UTF-8 text (invalid near byte ${low}). Convert it, for instance with ` +
        '`iconv -f WINDOWS-1252 -t UTF-8`.',
    );
  }
}

/** The deepest folder that all files are in. */
function commonFolder(files: string[], path: typeof Path): string {
  let folder = path.dirname(files[0]);
  const inside = (file: string) => !path.relative(folder, file).startsWith('..');
  while (!files.every(inside) && path.dirname(folder) !== folder) folder = path.dirname(folder);
  return folder;
}

/**
 * Reads the user's own text.
 *
 * @param sources Files, folders (text files below them) and patterns (`books/*.txt`, `**`).
 * @return One document a file, sorted by path.
 * @throws Error on missing files, on bytes that are not UTF-8, and when there is no text at all.
 */
export async function textFiles(sources: string[]): Promise<TextDocument[]> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  const files = new Set<string>();
  for (const source of sources)
    for (const file of await matches(source)) files.add(path.resolve(file));
  // Names are relative to the folder all files share: the same files are split alike wherever they lie.
  const shared = commonFolder([...files], path);
  const documents: TextDocument[] = [];
  for (const file of [...files].sort()) {
    const text = decodeText(await fs.readFile(file), file).replace(/\r\n?/g, '\n');
    if (text.trim())
      documents.push({name: path.relative(shared, file).replaceAll('\\', '/'), text});
  }
  if (!documents.length) {
    throw new Error(
      `The text is empty: ${files.size} file(s) of ${sources.map((s) => `'${s}'`).join(', ')} ` +
        'have no characters but white space.',
    );
  }
  return documents;
}
