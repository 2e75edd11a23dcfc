/** `tfjs-mapl doctor`: which backends work here, how fast, what is missing and how to get it. */
import os from 'node:os';
import {BACKENDS} from '../backends/select_backend.js';
import {findNativeOps, findTfjsNode, readInstall} from '../backends/tensorflow_install.js';
import {kernelTable, whyNoNativeOps} from './doctor_kernels.js';
import {isProbe, runProbe, startProbe, type BackendReport} from './doctor_probe.js';
import {terminalTable} from './report/terminal_table.js';
import {runCommand, type RunCommand} from './setup/run_command.js';
import {TENSORFLOW_VERSION} from './setup/versions.js';

/** A program that something here needs. */
export interface ToolReport {
  name: string;
  /** First line that it prints about its version, null where it is missing. */
  version: string | null;
  /** What it is for, and how to get it. */
  use: string;
}

/** What {@link doctor} finds. */
export interface DoctorReport {
  node: string;
  platform: string;
  cores: number;
  memoryGB: number;
  backends: BackendReport[];
  tools: ToolReport[];
  /** The TensorFlow that `setup` installed, null where it has not run. */
  tensorflow: {version: string; variant: string; current: boolean} | null;
  /** The library of our TensorFlow ops, null where there is none. */
  nativeOps: string | null;
}

const TOOLS: {name: string; commands: string[][]; use: string}[] = [
  {
    name: 'g++',
    commands: [
      ['g++', '--version'],
      ['c++', '--version'],
      ['clang++', '--version'],
    ],
    use: 'setup builds the tensorflow backend with it (Debian, Ubuntu: apt-get install g++)',
  },
  {
    name: 'pip',
    commands: [
      ['python3', '-m', 'pip', '--version'],
      ['pip3', '--version'],
      ['pip', '--version'],
    ],
    use: 'setup fetches TensorFlow with it (Debian, Ubuntu: apt-get install python3-pip)',
  },
  {
    name: 'Chromium',
    commands: [
      ...(process.env.CHROME_BIN ? [[process.env.CHROME_BIN, '--version']] : []),
      ['chromium', '--version'],
      ['chromium-browser', '--version'],
      ['google-chrome', '--version'],
    ],
    use: 'tests in the browser, and WebGPU without a GPU (Debian, Ubuntu: apt-get install chromium)',
  },
];

/**
 * Looks at everything. Each backend is tried in a process of its own, because one that crashes or hangs should not take
 * the report with it. In such a process this function does the trying and does not return.
 */
export async function doctor(run: RunCommand = runCommand): Promise<DoctorReport> {
  if (isProbe()) return runProbe();
  const names = Object.keys(BACKENDS).filter((name) => name !== 'webgl');
  const backends: BackendReport[] = [];
  // One after the other: they are measured.
  for (const name of names) backends.push(await startProbe(name, run));
  const tools = await Promise.all(
    TOOLS.map(async ({name, commands, use}) => ({
      name,
      version: await firstVersion(commands, run),
      use,
    })),
  );
  const tfjsNode = await findTfjsNode();
  const install = tfjsNode == null ? null : await readInstall(tfjsNode);
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: os.availableParallelism(),
    memoryGB: os.totalmem() / 1e9,
    backends,
    tools,
    tensorflow: install && {
      version: install.tensorflow,
      variant: install.variant,
      current: install.tensorflow === TENSORFLOW_VERSION,
    },
    nativeOps: await findNativeOps(),
  };
}

/** The report for people. */
export function printDoctor(
  report: DoctorReport,
  write: (text: string) => void = console.log,
): void {
  const {node, platform, cores, memoryGB, tensorflow, nativeOps} = report;
  write(`Node ${node}, ${platform}, ${cores} cores, ${memoryGB.toFixed(0)} GB of memory\n`);
  const rows = report.backends.map((b) => [
    b.name,
    b.works
      ? `${b.description}, on ${b.device === 'software' ? 'an emulated GPU' : b.device}`
      : 'no',
    b.gflops == null ? '' : b.gflops.toFixed(b.gflops < 10 ? 1 : 0),
    b.works ? `${b.fast.length} of ${b.fast.length + b.composed.length}` : '',
  ]);
  write(terminalTable({head: ['backend', 'works', 'GFLOP/s', 'fast kernels'], rows}));
  for (const {name, works, reason} of report.backends) {
    if (!works) write(`${name}: ${reason}`);
  }
  write('');
  const kernels = kernelTable(report.backends);
  if (kernels != null) {
    write(
      `${kernels}\ncomposed: of tfjs's own ops; a kernel of the backend's own would only be faster.\n`,
    );
  }
  write(
    tensorflow == null
      ? 'TensorFlow: not set up by this package. Run: npx tfjs-mapl setup'
      : `TensorFlow: ${tensorflow.version} (${tensorflow.variant})` +
          (tensorflow.current ? '' : `; ${TENSORFLOW_VERSION} with: npx tfjs-mapl setup`),
  );
  const missing = whyNoNativeOps(report.backends, nativeOps);
  write(`TensorFlow ops of this package: ${missing ?? nativeOps ?? 'not built'}`);
  for (const {name, version, use} of report.tools) {
    write(version == null ? `${name}: missing; ${use}` : `${name}: ${version}`);
  }
}

async function firstVersion(commands: string[][], run: RunCommand): Promise<string | null> {
  for (const command of commands) {
    const {code, stdout} = await run(command);
    if (code === 0) return stdout.trim().split('\n')[0];
  }
  return null;
}
