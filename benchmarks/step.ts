/** Group `step`: one training step (forward, backward, AdamW, loss read back) against PyTorch and against plain tfjs. */
import {mkdirSync, rmSync} from 'node:fs';
import path from 'node:path';
import {backendEnvironment} from '../src/backends/environment.js';
import {alternate, Contestant, type ContestantCommand} from './contestant.js';
import type {Profile} from './contestants/profile_by_op.js';
import {row, type Benchmark, type BenchmarkOptions, type Outcome} from './row.js';
import {torchPython} from './torch_venv.js';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, '.cache', 'bench', 'llama');

/** Of the boundaries: a quarter of the width. The peer has no boundaries. */
const BOUNDARY_RANK = 64;

/** Measured rounds where a step of plain tfjs-wasm takes ten seconds. */
const SLOW_ROUNDS = 3;

export const stepBenchmarks: Benchmark[] = [
  {
    group: 'step',
    name: 'step tensorflow vs torch',
    run(options) {
      return againstTorch(this.name, options, {});
    },
  },
  {
    group: 'step',
    name: 'step with 4 boundaries + SPEL tensorflow vs torch',
    run(options) {
      return againstTorch(this.name, options, {rank: BOUNDARY_RANK});
    },
  },
  {
    group: 'step',
    name: 'step tensorflow vs plain tfjs',
    run(options) {
      return duel(
        this.name,
        ours('tensorflow', options),
        plain('tensorflow', options),
        5,
        options.rounds,
      );
    },
  },
  {
    group: 'step',
    name: 'step wasm vs plain tfjs',
    run(options) {
      const rounds = Math.min(SLOW_ROUNDS, options.rounds);
      return duel(this.name, ours('wasm', options), plain('wasm', options), 1, rounds);
    },
  },
];

/** Our step, with boundaries if there is a rank, against PyTorch's without. */
async function againstTorch(
  name: string,
  options: BenchmarkOptions,
  {rank}: {rank?: number},
): Promise<Outcome> {
  let python: string;
  try {
    python = await torchPython(root);
  } catch (error) {
    return {rows: [], notes: [`${name}: skipped. ${(error as Error).message}`]};
  }
  const torch: ContestantCommand = {
    name: 'torch',
    command: python,
    args: [script('torch_step.py'), folder, String(options.threads)],
    env: {OMP_NUM_THREADS: String(options.threads), HF_HUB_OFFLINE: '1'},
  };
  const left = ours('tensorflow', options);
  if (rank == null) return duel(name, left, torch, 5, options.rounds);
  // The weights that PyTorch reads are those of the model without boundaries.
  return duel(name, left, torch, 5, options.rounds, {
    ...left,
    args: [...left.args, String(rank)],
  });
}

async function duel(
  name: string,
  left: ContestantCommand,
  right: ContestantCommand,
  warmUp: number,
  rounds: number,
  /** Takes the place of `left`, which then only writes the weights: another model, with other losses. */
  instead?: ContestantCommand,
): Promise<Outcome> {
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  const running: Contestant[] = [];
  try {
    // In this order: the first writes the weights that the second reads.
    if (instead != null) (await Contestant.start(left)).stop();
    for (const command of [instead ?? left, right]) running.push(await Contestant.start(command));
    const [a, b] = running;
    const times = await alternate(a, b, {warmUp, rounds, sameLoss: instead == null});
    const profile = left.name.endsWith('tensorflow') ? await a.profile() : null;
    const about = `${JSON.stringify(a.about)} vs ${JSON.stringify(b.about)}`;
    const losses = times.losses.map((loss) => loss.toFixed(5)).join(' and ');
    return {
      rows: [row(name, 'ms', times.a, times.b)],
      notes: [
        `${name}: ${rounds} rounds; ${about}; first losses ${losses}`,
        ...(profile == null ? [] : [describeProfile(name, profile)]),
      ],
    };
  } finally {
    for (const contestant of running) contestant.stop();
  }
}

/** Shares of a step's time, the largest first; what is below a hundredth comes together. */
function describeProfile(name: string, {total, ops}: Profile): string {
  const sorted = Object.entries(ops).sort((a, b) => b[1] - a[1]);
  const large = sorted.filter(([, ms]) => ms >= total / 100);
  const small = sorted.slice(large.length).reduce((sum, [, ms]) => sum + ms, 0);
  const inside = sorted.reduce((sum, [, ms]) => sum + ms, 0);
  const share = (label: string, ms: number) => `${label} ${((100 * ms) / total).toFixed(1)} %`;
  const parts = [
    ...large.map(([op, ms]) => share(op, ms)),
    share('other ops', small),
    share('JavaScript between ops', total - inside),
  ];
  return `${name}, where our time goes (${total.toFixed(1)} ms while profiling): ${parts.join(', ')}`;
}

function ours(backend: string, options: BenchmarkOptions): ContestantCommand {
  return node(`this package on ${backend}`, 'ours.ts', backend, options);
}

function plain(backend: string, options: BenchmarkOptions): ContestantCommand {
  return node(`plain tfjs on ${backend}`, 'plain.ts', backend, options);
}

function node(
  name: string,
  file: string,
  backend: string,
  {threads}: BenchmarkOptions,
): ContestantCommand {
  return {
    name,
    command: process.execPath,
    args: ['--import', 'tsx', script(file), backend, folder],
    env: backendEnvironment({intraOpThreads: threads}),
  };
}

function script(name: string): string {
  return path.join(import.meta.dirname, 'contestants', name);
}
