/** Rows for people. */
import type {Row} from './row.js';

const HEADER = ['name', 'ours', 'peer', 'unit', 'ratio'];

function cells(rows: Row[]): string[][] {
  return rows.map(({name, ours, peer, unit, ratio}) => [
    name,
    String(ours),
    String(peer),
    unit,
    ratio.toFixed(3),
  ]);
}

/** Aligned columns. */
export function textTable(rows: Row[]): string {
  const table = [HEADER, ...cells(rows)];
  const widths = HEADER.map((_, column) => Math.max(...table.map((line) => line[column].length)));
  return table
    .map((line) =>
      line
        .map((cell, i) => (i === 0 || i === 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A Markdown table. */
export function markdownTable(rows: Row[]): string {
  const line = (values: string[]) => `| ${values.join(' | ')} |`;
  return [line(HEADER), line(HEADER.map(() => '---')), ...cells(rows).map(line)].join('\n');
}
