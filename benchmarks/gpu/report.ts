/** The tables as Markdown. */
import type {Row} from '../row.js';
import {markdownTable} from '../tables.js';
import type {CardLimits} from './card.js';
import type {KernelRow} from './kernels.js';

export interface GpuResults {
  command: string;
  date: string;
  /** Whether sizes were too small to mean anything. */
  quick: boolean;
  gpu: string;
  /** Of the device that the kernels ran on. */
  features: string[];
  cpu: string;
  os: string;
  versions: Record<string, string>;
  card: CardLimits;
  steps: Row[];
  kernels: KernelRow[];
  notes: string[];
}

export function markdown(results: GpuResults): string {
  const {card, steps, kernels, notes} = results;
  const number = (value: number) => Number(value.toPrecision(3));
  const software = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  return [
    '# Benchmark: webgpu',
    '',
    ...(results.quick
      ? ['**A trial with the smallest sizes: these are no measurements.**', '']
      : []),
    'Medians of interleaved runs; ratio = ours / peer, below 1 is in our favour.',
    '',
    '## Training steps',
    '',
    markdownTable(steps),
    '',
    '## Kernels against the tfjs ops they replace',
    '',
    'Calls in a row without waiting for each other. Bytes are those of inputs and outputs; arithmetic is the algorithm’s.',
    '',
    kernelTable(kernels),
    '',
    '## The card',
    '',
    `* Copy: ${number(card.copyGBs)} GB/s, read and written`,
    `* Multiply-add in registers: ${number(card.fmaGflops)} GFLOP/s; tfjs's product of 4096² matrices: ${number(card.matMulGflops)} GFLOP/s`,
    `* GPU: ${results.gpu}; features ${results.features.join(', ')}`,
    `* Machine: ${results.cpu}, ${results.os}`,
    `* Software: ${software.join(', ')}`,
    `* Command: \`${results.command}\`, ${results.date.slice(0, 10)}`,
    ...notes.map((note) => `* ${note}`),
    '',
  ].join('\n');
}

function kernelTable(rows: KernelRow[]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const header = ['kernel', 'ours', 'composed', 'unit', 'ratio', 'rate', 'of the card'];
  const body = rows.map(({name, ours, peer, unit, ratio, rate, share}) =>
    line([
      name,
      String(ours),
      String(peer),
      unit,
      ratio.toFixed(3),
      rate,
      `${Math.round(100 * share)} %`,
    ]),
  );
  return [line(header), line(header.map(() => '---')), ...body].join('\n');
}
