/**
 * `npm run bench:gpu`: tables of this package on the GPU that WebGPU finds. Runs from the bundle that `scripts/bundle_gpu.mjs`
 * makes, also on a machine that has neither npm nor network.
 */
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {selectBackend} from '../../src/backends/index.js';
import {measureCard, type CardLimits} from './card.js';
import {LEFT_OUT, NOT_REACHED, NO_GPU, type GpuRow, type PlannedRow} from './gpu_row.js';
import {kernelCases} from './kernels.js';
import {peerKernelCases} from './peer_kernels.js';
import {plannedRows} from './plan.js';
import {markdown, type GpuResults} from './report.js';
import {stepCases} from './steps.js';

/** Put there by the bundler. */
const build = (globalThis as {benchmarkBuild?: {versions: Record<string, string>; results: string}})
  .benchmarkBuild;

const HELP = `bench_gpu [flags]
  --only TEXT     rows whose names or peers contain it: step, Attention, nanogpt, …
  --missing       rows that the table in --out does not have of this GPU: goes on with a run that was ended early
  --rounds N      measured runs of each side (default 15)
  --out DIR       where webgpu.json and webgpu.md go (default ${build?.results ?? '.'})
  --quick         smallest sizes, one round, on any adapter: tries the program, measures nothing; writes only with --out
  --plan          writes the tables with "not measured" in every row; needs no GPU`;

const {values} = parseArgs({
  options: {
    only: {type: 'string', default: ''},
    missing: {type: 'boolean', default: false},
    rounds: {type: 'string', default: '15'},
    out: {type: 'string'},
    quick: {type: 'boolean', default: false},
    plan: {type: 'boolean', default: false},
    help: {type: 'boolean', default: false},
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const {quick} = values;
const rounds = quick ? 1 : Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds ${values.rounds}: expected a positive integer.`);
  process.exit(2);
}
const wanted = ({name, against}: {name: string; against: string}) =>
  `${name} ${against}`.toLowerCase().includes(values.only.toLowerCase());
if (!plannedRows(quick).some(wanted)) {
  console.error(`--only ${values.only}: no row has this in its name.`);
  process.exit(2);
}
const about = {
  command: ['npm run bench:gpu --', ...process.argv.slice(2)].join(' '),
  date: new Date().toISOString(),
  quick,
  versions: {node: process.version, ...build?.versions},
};
const out = values.out ?? (quick ? null : (build?.results ?? '.'));

if (values.plan) {
  const rows = plannedRows(quick).map((row) => ({...row, measured: null, reason: NO_GPU}));
  const file = path.join(out ?? '.', 'webgpu.json');
  if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as GpuResults).machine != null) {
    console.error(`--plan: ${file} has measurements, which this would overwrite. Use --out.`);
    process.exit(2);
  }
  write({...about, versions: {}, machine: null, card: null, rows, notes: []});
  process.exit(0);
}

const {description, device} = await selectBackend({prefer: 'webgpu'});
if (device !== 'gpu' && !quick) {
  console.error(
    `WebGPU finds no GPU here, only software: ${description}. Nothing to measure; --quick tries the program. ` +
      'On Linux a Vulkan loader (libvulkan.so.1) and the driver of the GPU are needed; VK_DRIVER_FILES names the driver.',
  );
  process.exit(1);
}
const effort = {rounds, batchMs: quick ? 0 : 100};
const nanogptFile = path.join(import.meta.dirname ?? '.', 'nanogpt.mjs');
const nanogpt = existsSync(nanogptFile)
  ? {file: nanogptFile}
  : {missing: 'the bundle was made without nanogpt'};

console.error(`GPU: ${description}`);
const card = await measureCard(effort, quick);
const limits = (): CardLimits => card;
const kernels = kernelCases(limits, effort, quick);
const peers = peerKernelCases(limits, {effort, quick, nanogpt});
const steps = stepCases({rounds, warmUp: quick ? 1 : 5, quick, nanogpt});

const {features} = (tf.backend() as unknown as {device: {features: Iterable<string>}}).device;
const machine = {
  gpu: description,
  features: [...features].sort(),
  cpu: `${os.cpus()[0]?.model.trim() ?? process.arch}, ${os.availableParallelism()} cores`,
  os: `${os.type()} ${os.release()}`,
};
// A part of the rows goes into the table of the others.
const before = values.only !== '' || values.missing ? measuredBefore() : null;
const earlier = ({name, against}: PlannedRow) =>
  before?.rows.find((row) => row.name === name && row.against === against && row.measured != null);
const asked = (plan: PlannedRow) => wanted(plan) && !(values.missing && earlier(plan) != null);
const notes: string[] = before?.notes ?? [];
const cases = [...steps, ...peers.cases, ...kernels];
const rows: GpuRow[] = cases.map(({plan}) => {
  return earlier(plan) ?? {...plan, measured: null, reason: wanted(plan) ? NOT_REACHED : LEFT_OUT};
});
const results: GpuResults = {...about, machine, card, rows, notes};
for (const [i, {plan, measure}] of cases.entries()) {
  if (!asked(plan)) continue;
  console.error(`${plan.name} against ${plan.against} …`);
  try {
    rows[i] = {...plan, measured: await measure(notes), reason: null};
  } catch (error) {
    const {message} = error as Error;
    const reason = /^.*Error: .*$/m.exec(message)?.[0] ?? message;
    console.error(`  not measured, ${reason}`);
    rows[i] = {...plan, measured: null, reason};
  }
  // What was measured so far outlives a run that is ended early.
  save(results);
}
peers.stop();
write(results);
process.exit(0);

/** The table in --out if it has measurements of this GPU with these versions. */
function measuredBefore(): GpuResults | null {
  const file = path.join(out ?? '.', 'webgpu.json');
  if (out == null || !existsSync(file)) return null;
  const results = JSON.parse(readFileSync(file, 'utf8')) as GpuResults;
  const same =
    results.machine?.gpu === machine.gpu &&
    results.quick === quick &&
    JSON.stringify(results.versions) === JSON.stringify(about.versions);
  return same ? results : null;
}

function write(results: GpuResults): void {
  console.log(markdown(results));
  save(results);
}

function save(results: GpuResults): void {
  if (out == null) return;
  mkdirSync(out, {recursive: true});
  writeFileSync(path.join(out, 'webgpu.json'), JSON.stringify(results, null, 2) + '\n');
  writeFileSync(path.join(out, 'webgpu.md'), markdown(results));
}
