import Table from 'cli-table3';
import type {TextTable} from './comparison.js';

/** Draws a table for a terminal; without colours where the output is no terminal. */
export function terminalTable({head, rows}: TextTable, color = process.stdout.isTTY): string {
  const table = new Table({
    head,
    style: color ? {head: ['bold'], border: ['grey']} : {head: [], border: []},
    colAligns: head.map((_, i) => (i ? 'right' : 'left')),
    wordWrap: true,
  });
  table.push(...rows);
  return table.toString();
}
