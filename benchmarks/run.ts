/** `npm run bench`: runs the benchmarks, prints a table, writes `benchmarks/results/<group>.json` and `.md`. */
import {mkdirSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {boundaryBenchmarks} from './boundary.js';
import {describeMachine} from './machine.js';
import {memoryBenchmarks} from './memory.js';
import type {Benchmark, Row} from './row.js';
import {stepBenchmarks} from './step.js';
import {markdownTable, textTable} from './tables.js';

const BENCHMARKS: Benchmark[] = [...stepBenchmarks, ...boundaryBenchmarks, ...memoryBenchmarks];

const HELP = `npm run bench -- [flags]
  --only NAMES    groups or parts of names, separated by commas: ${groups().join(', ')}
  --json FILE     write the rows to FILE instead of printing a table
  --rounds N      measured runs of each side (default 15)
  --threads N     threads of both sides (default: all cores)
  --results DIR   where the results go (default benchmarks/results)`;

const {values} = parseArgs({
  options: {
    only: {type: 'string'},
    json: {type: 'string'},
    rounds: {type: 'string', default: '15'},
    threads: {type: 'string', default: String(os.availableParallelism())},
    results: {type: 'string', default: path.join(import.meta.dirname, 'results')},
    help: {type: 'boolean'},
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const options = {
  rounds: positive('rounds', values.rounds),
  threads: positive('threads', values.threads),
};
const machine = describeMachine();
const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim();
const all: Row[] = [];
for (const [group, benchmarks] of chosen(values.only)) {
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const benchmark of benchmarks) {
    console.error(`${benchmark.name} …`);
    const outcome = await benchmark.run(options);
    rows.push(...outcome.rows);
    notes.push(...outcome.notes);
  }
  all.push(...rows);
  for (const note of notes) console.error(note);
  if (rows.length === 0) continue;
  mkdirSync(values.results, {recursive: true});
  const result = {command, date: new Date().toISOString(), machine, ...options, rows, notes};
  const file = path.join(values.results, group);
  writeFileSync(`${file}.json`, JSON.stringify(result, null, 2) + '\n');
  writeFileSync(`${file}.md`, markdown(group, result));
}
if (values.json != null) {
  writeFileSync(values.json, JSON.stringify(all, null, 2) + '\n');
} else {
  console.log(textTable(all));
}
// Backends keep threads alive.
process.exit(0);

/** The benchmarks that `--only` names, by group. */
function chosen(only: string | undefined): Map<string, Benchmark[]> {
  const words = only?.split(',').map((word) => word.trim());
  const picked = BENCHMARKS.filter(
    ({group, name}) => words == null || words.some((w) => group === w || name.includes(w)),
  );
  if (picked.length === 0) {
    console.error(`--only ${only}: expected one of ${groups().join(', ')}, or part of a name.`);
    process.exit(2);
  }
  const byGroup = new Map<string, Benchmark[]>();
  for (const benchmark of picked) {
    byGroup.set(benchmark.group, [...(byGroup.get(benchmark.group) ?? []), benchmark]);
  }
  return byGroup;
}

function groups(): string[] {
  return [...new Set(BENCHMARKS.map(({group}) => group))];
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    console.error(`--${name} ${text}: expected a positive integer.`);
    process.exit(2);
  }
  return value;
}

function markdown(
  group: string,
  result: {command: string; date: string; machine: ReturnType<typeof describeMachine>} & {
    threads: number;
    rows: Row[];
    notes: string[];
  },
): string {
  const {cpu, cores, memoryGB, node, versions, load} = result.machine;
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `# Benchmark: ${group}`,
    '',
    'Medians of interleaved runs; ratio = ours / peer, below 1 is in our favour.',
    '',
    markdownTable(result.rows),
    '',
    `* Machine: ${cpu}, ${cores} cores, ${memoryGB} GB; load before the run ${load}; ${result.threads} threads a side`,
    `* Software: Node ${node}, ${software.join(', ')}`,
    `* Command: \`${result.command}\`, ${result.date.slice(0, 10)}`,
    ...result.notes.map((note) => `* ${note}`),
    '',
  ].join('\n');
}
