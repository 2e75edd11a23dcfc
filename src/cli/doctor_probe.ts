/** Trying one backend in a process of its own. */
import * as tf from '@tensorflow/tfjs-core';
import type {Device} from '../backends/backend.js';
import {selectBackend} from '../backends/select_backend.js';
import '../kernels/composed/index.js';
import {composedKernelNames} from '../kernels/ensure_kernel.js';
import {cliEntry} from './launcher/cli_entry.js';
import {errorLine, type RunCommand} from './setup/run_command.js';

/** What there is to say about one backend. */
export interface BackendReport {
  name: string;
  works: boolean;
  /** Library version, adapter. */
  description: string;
  device: Device | null;
  /** Of a square float32 product, measured; null where the backend does not work. */
  gflops: number | null;
  /** Kernels of this package for which the backend has one of its own. */
  fast: string[];
  /** Kernels that are composed of tfjs ops on it. */
  composed: string[];
  /** Why it does not work and what to do about it. */
  reason: string;
}

const VARIABLE = 'TFJS_MAPL_PROBE';
const MARK = 'tfjs-mapl probe: ';
/** A backend that has not answered by then hangs. Milliseconds. */
const PATIENCE = 120_000;

/** Whether this process is one in which a backend is to be tried. */
export function isProbe(): boolean {
  return process.env[VARIABLE] != null;
}

/** Starts this program's `doctor` again, for one backend. */
export async function startProbe(name: string, run: RunCommand): Promise<BackendReport> {
  const {file, execArgv} = await cliEntry();
  const result = await run([process.execPath, ...execArgv, file, 'doctor'], {
    env: {[VARIABLE]: name},
    timeout: PATIENCE,
  });
  const line = result.stdout.split('\n').find((text) => text.startsWith(MARK));
  if (line != null) return JSON.parse(line.slice(MARK.length)) as BackendReport;
  return failed(name, `its process ended early: ${errorLine(result)}`);
}

/** Tries the backend that this process is for, prints the result and ends the process. */
export async function runProbe(): Promise<never> {
  const report = await probe(process.env[VARIABLE]!);
  const text = `${MARK}${JSON.stringify(report)}\n`;
  await new Promise((resolve) => process.stdout.write(text, resolve));
  process.exit(0);
}

/** Brings a backend up in this process and measures it. */
export async function probe(name: string): Promise<BackendReport> {
  try {
    const {description, device} = await selectBackend({prefer: name});
    const kernels = composedKernelNames();
    const isFast = (kernel: string) => tf.getKernel(kernel, name) != null;
    const size = name === 'cpu' || device === 'software' ? 256 : 1024;
    return {
      name,
      works: true,
      description,
      device,
      gflops: await measureProduct(size),
      fast: kernels.filter(isFast),
      composed: kernels.filter((kernel) => !isFast(kernel)),
      reason: '',
    };
  } catch (error) {
    return failed(name, (error as Error).message);
  }
}

/** Median rate of products of two `[size, size]` matrices over half a second, after one that is not counted. */
async function measureProduct(size: number): Promise<number> {
  const [a, b] = [tf.randomUniform([size, size]), tf.randomUniform([size, size])];
  const seconds: number[] = [];
  const end = performance.now() + 500;
  for (let i = 0; i < 50 && (i < 2 || performance.now() < end); i++) {
    const start = performance.now();
    const product = tf.matMul(a, b);
    await product.data();
    product.dispose();
    if (i > 0) seconds.push((performance.now() - start) / 1000);
  }
  tf.dispose([a, b]);
  seconds.sort((x, y) => x - y);
  return (2 * size ** 3) / seconds[seconds.length >> 1] / 1e9;
}

function failed(name: string, reason: string): BackendReport {
  const nothing = {description: '', device: null, gflops: null, fast: [], composed: []};
  return {name, works: false, ...nothing, reason};
}
