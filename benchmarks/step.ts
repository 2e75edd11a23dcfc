/** Group `step`: one training step (forward, backward, AdamW, loss read back) against PyTorch and against plain tfjs. */
import {mkdirSync, rmSync} from 'node:fs';
import path from 'node:path';
import {backendEnvironment} from '../src/backends/environment.js';
import {alternate, Contestant, type ContestantCommand} from './contestant.js';
import {row, type Benchmark, type BenchmarkOptions, type Outcome} from './row.js';
import {torchPython} from './torch_venv.js';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, '.cache', 'bench', 'llama');

/** Measured rounds where a step of plain tfjs-wasm takes ten seconds. */
const SLOW_ROUNDS = 3;

export const stepBenchmarks: Benchmark[] = [
  {
    group: 'step',
    name: 'step tensorflow vs torch',
    async run(options) {
      let python: string;
      try {
        python = await torchPython(root);
      } catch (error) {
        return {
          rows: [],
          notes: [`step tensorflow vs torch: skipped. ${(error as Error).message}`],
        };
      }
      const torch: ContestantCommand = {
        name: 'torch',
        command: python,
        args: [script('torch_step.py'), folder, String(options.threads)],
        env: {OMP_NUM_THREADS: String(options.threads), HF_HUB_OFFLINE: '1'},
      };
      return duel(this.name, ours('tensorflow', options), torch, 5, options.rounds);
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

async function duel(
  name: string,
  left: ContestantCommand,
  right: ContestantCommand,
  warmUp: number,
  rounds: number,
): Promise<Outcome> {
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  const running: Contestant[] = [];
  try {
    // In this order: the first writes the weights that the second reads.
    for (const command of [left, right]) running.push(await Contestant.start(command));
    const [a, b] = running;
    const times = await alternate(a, b, {warmUp, rounds});
    const about = `${JSON.stringify(a.about)} vs ${JSON.stringify(b.about)}`;
    const losses = times.losses.map((loss) => loss.toFixed(5)).join(' and ');
    return {
      rows: [row(name, 'ms', times.a, times.b)],
      notes: [`${name}: ${rounds} rounds; ${about}; first losses ${losses}`],
    };
  } finally {
    for (const contestant of running) contestant.stop();
  }
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
