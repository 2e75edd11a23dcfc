/** The tables as Markdown. */
import type {CardLimits} from './card.js';
import {LEFT_OUT, NO_GPU, type GpuRow, type Section} from './gpu_row.js';

/** What a run measured, or that nothing was. */
export interface GpuResults {
  command: string;
  date: string;
  /** Whether sizes were too small to mean anything. */
  quick: boolean;
  /** What the rows were measured on, or null before anything was. */
  machine: {
    gpu: string;
    /** Of the device that the kernels ran on. */
    features: string[];
    cpu: string;
    os: string;
  } | null;
  versions: Record<string, string>;
  card: CardLimits | null;
  rows: GpuRow[];
  notes: string[];
}

const SECTIONS: Record<Section, {title: string; text: string}> = {
  step: {
    title: 'Training steps',
    text: 'Loss read back after each step. Wanted: ours at most that part of the peer’s time. A row whose first losses disagree is not measured.',
  },
  nanogpt: {
    title: 'Kernels against those of @genai-fi/nanogpt 1.3.0',
    text: 'The same values on both sides, the results compared first (difference: the largest, as a part of the largest value; at most 1e-4, with 16 bits 2e-2), else the row is not measured. Two programs on one GPU in turns, each with its own copy of tfjs. SwiGLU, the boundary’s kernels, PolarFactor, MuonUpdate and RVQ have no counterpart there.',
  },
  composed: {
    title: 'Kernels against the tfjs ops they replace',
    text: 'Results compared first (at most 1e-3; of codes, at most one in a thousand), else the row is not measured.',
  },
};

export function markdown(results: GpuResults): string {
  const {machine, rows, notes} = results;
  const software = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  const counted = rows.filter(({measured}) => measured != null).length;
  return [
    '# Benchmark: webgpu',
    '',
    ...(results.quick
      ? ['**A trial with the smallest sizes: these are no measurements.**', '']
      : []),
    ...(machine == null
      ? [
          '**Nothing here has been measured: there was no GPU.** On a machine with one, `npm run bench:gpu` measures every row and ' +
            'writes this file again; `npm run bench:gpu -- --pack bench_gpu.tgz` makes a bundle for a machine without npm or network.',
          '',
        ]
      : [`${counted} of ${rows.length} rows measured.`, '']),
    'Medians of interleaved runs; ratio = ours / peer, below 1 is in our favour. Kernels: calls in a row without waiting for ' +
      'each other; bytes are those of inputs and outputs, arithmetic is the algorithm’s, both told as a part of what the card reaches.',
    '',
    ...(['step', 'nanogpt', 'composed'] as const).flatMap((section) => [
      `## ${SECTIONS[section].title}`,
      '',
      SECTIONS[section].text,
      '',
      table(rows.filter((row) => row.section === section)),
      '',
    ]),
    '## The card',
    '',
    ...cardLines(results.card),
    ...(machine == null
      ? []
      : [
          `* GPU: ${machine.gpu}; features ${machine.features.join(', ')}`,
          `* Machine: ${machine.cpu}, ${machine.os}`,
        ]),
    ...(software.length > 0 ? [`* Software: ${software.join(', ')}`] : []),
    `* Command: \`${results.command}\`, ${results.date.slice(0, 10)}`,
    ...notes.map((note) => `* ${note}`),
    ...reasons(rows),
    '',
  ].join('\n');
}

function cardLines(card: CardLimits | null): string[] {
  const value = (of: keyof CardLimits, unit: string) =>
    card == null ? 'not measured' : `${Number(card[of].toPrecision(3))} ${unit}`;
  return [
    `* Copy, the limit of bytes: ${value('copyGBs', 'GB/s')}, read and written`,
    `* Multiply-add in registers, the limit of arithmetic: ${value('fmaGflops', 'GFLOP/s')}`,
    `* tfjs's product of 4096² matrices (the limit, should it be faster): ${value('matMulGflops', 'GFLOP/s')}`,
  ];
}

/** Why rows are missing that were asked for. */
function reasons(rows: readonly GpuRow[]): string[] {
  return rows
    .filter(({reason}) => reason != null && reason !== NO_GPU && reason !== LEFT_OUT)
    .map(({name, against, reason}) => `* ${name} against ${against}: not measured, ${reason}`);
}

const HEADER = [
  'ours',
  'against',
  'ours, ms',
  'peer, ms',
  'ratio',
  'wanted',
  'rate',
  'of the card',
  'difference',
];

function table(rows: readonly GpuRow[]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const body = rows.map(({name, against, atMost, measured}) => {
    const wanted = atMost == null ? '–' : `≤ ${Number(atMost.toPrecision(3))}`;
    const head = [name, against];
    if (measured == null) {
      return line([...head, 'not measured', 'not measured', '–', wanted, '–', '–', '–']);
    }
    const {ours, peer, ratio, rate, share, difference} = measured;
    return line([
      ...head,
      String(ours),
      String(peer),
      ratio.toFixed(3),
      wanted,
      rate ?? '–',
      share == null ? '–' : `${Math.round(100 * share)} %`,
      difference == null ? '–' : difference.toExponential(0),
    ]);
  });
  return [line(HEADER), line(HEADER.map(() => '---')), ...body].join('\n');
}
