/**
 * `npm run bench:gpu`: tables of this package on the GPU that WebGPU finds. Runs from the bundle that `scripts/bundle_gpu.mjs`
 * makes, also on a machine that has neither npm nor network.
 */
import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {selectBackend} from '../../src/backends/index.js';
import {measureCard} from './card.js';
import {kernelRows} from './kernels.js';
import {markdown, type GpuResults} from './report.js';
import {stepRows} from './steps.js';

/** Put there by the bundler. */
const build = (globalThis as {benchmarkBuild?: {versions: Record<string, string>; results: string}})
  .benchmarkBuild;

const HELP = `bench_gpu [flags]
  --only TEXT     rows whose names contain it: step, Attention, nanogpt, …
  --rounds N      measured runs of each side (default 15)
  --out DIR       where webgpu.json and webgpu.md go (default ${build?.results ?? '.'})
  --quick         smallest sizes, one round: tries the program, measures nothing; writes only with --out`;

const {values} = parseArgs({
  options: {
    only: {type: 'string', default: ''},
    rounds: {type: 'string', default: '15'},
    out: {type: 'string'},
    quick: {type: 'boolean', default: false},
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

const {description, device} = await selectBackend({prefer: 'webgpu'});
if (device !== 'gpu' && !quick) {
  console.error(
    `WebGPU finds no GPU here, only software: ${description}. Nothing to measure; --quick tries the program. ` +
      'On Linux a Vulkan loader (libvulkan.so.1) and the driver of the GPU are needed; VK_DRIVER_FILES names the driver.',
  );
  process.exit(1);
}
const wanted = (name: string) => name.toLowerCase().includes(values.only.toLowerCase());
const effort = {rounds, batchMs: quick ? 0 : 100};
const nanogptFile = path.join(import.meta.dirname ?? '.', 'nanogpt.mjs');
const nanogpt = existsSync(nanogptFile)
  ? {file: nanogptFile}
  : {missing: 'The bundle was made without it.'};

console.error(`GPU: ${description}`);
const card = await measureCard(effort, quick);
const kernels = await kernelRows(card, effort, quick, wanted);
const steps = await stepRows({rounds, warmUp: quick ? 1 : 5, quick, nanogpt}, wanted);
const limits = (tf.backend() as unknown as {device: {features: Iterable<string>}}).device;

const results: GpuResults = {
  command: ['bench:gpu', ...process.argv.slice(2)].join(' '),
  date: new Date().toISOString(),
  quick,
  gpu: description,
  features: [...limits.features].sort(),
  cpu: `${os.cpus()[0]?.model.trim() ?? process.arch}, ${os.availableParallelism()} cores`,
  os: `${os.type()} ${os.release()}`,
  versions: {node: process.version, ...build?.versions},
  card,
  steps: steps.rows,
  kernels: kernels.rows,
  notes: [...steps.notes, ...kernels.notes],
};
const text = markdown(results);
console.log(text);
const out = values.out ?? (quick ? null : (build?.results ?? '.'));
if (out != null) {
  mkdirSync(out, {recursive: true});
  writeFileSync(path.join(out, 'webgpu.json'), JSON.stringify(results, null, 2) + '\n');
  writeFileSync(path.join(out, 'webgpu.md'), text);
}
if (kernels.rows.length + steps.rows.length === 0) {
  console.error(`--only ${values.only}: no row has this in its name.`);
  process.exit(2);
}
process.exit(0);
