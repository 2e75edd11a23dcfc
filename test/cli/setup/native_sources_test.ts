/** The native sources by themselves: kernels on several threads, CUDA sources through nvcc. */
import {spawnSync} from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {cudaLinkFlags, findNvcc, nvccFlags} from '../../../src/cli/setup/cuda.js';
import {runCommand, type RunCommand} from '../../../src/cli/setup/run_command.js';
import {sha256Texts} from '../../../src/cli/setup/state.js';

const root = path.resolve(import.meta.dirname, '../../..');
const native = path.join(root, 'src/kernels/tensorflow/native');

describe('native kernels on plain memory', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'mapl-threads-'))));
  afterEach(() => rmSync(folder, {recursive: true, force: true}));

  it('give the same bits on any number of threads, without races', () => {
    const sources = readdirSync(native).filter((n) => /\.cc$/.test(n) && !/^(ops_|module)/.test(n));
    const files = [
      path.join(root, 'test/kernels/tensorflow/threads.cc'),
      ...sources.map((name) => path.join(native, name)),
    ];
    const program = path.join(folder, 'threads');
    const build = (...flags: string[]) =>
      spawnSync('g++', [
        ...['-std=c++17', '-O1', '-march=native', '-pthread', `-I${native}`],
        ...[...flags, ...files, '-o', program],
      ]);
    if (spawnSync('g++', ['--version']).status !== 0) return pending('g++ is not installed');
    // ThreadSanitizer needs its runtime, and a layout of memory that not every kernel gives it.
    const sanitized =
      build('-fsanitize=thread').status === 0 &&
      !/unexpected memory mapping/.test(spawnSync(program).stderr.toString());
    if (!sanitized) {
      const plain = build();
      expect(plain.status).withContext(plain.stderr.toString()).toBe(0);
    }
    const run = spawnSync(program);
    expect(run.status).withContext(`${run.stdout}${run.stderr}`).toBe(0);
    expect(run.stdout.toString().match(/: ok$/gm)?.length).toBe(20);
    expect(run.stderr.toString()).not.toContain('data race');
  }, 240_000);
});

describe('CUDA sources', () => {
  it('compile without a warning where nvcc is found', async () => {
    const nvcc = await findNvcc(runCommand);
    if (nvcc == null) return pending('nvcc is not found (set NVCC): CUDA sources are not compiled');
    const folder = path.join(native, 'cuda');
    const names = readdirSync(folder).filter((name) => /\.(cu|cuh|h)$/.test(name));
    const flags = ['-std=c++17', '-O3', '-arch=sm_90', '-Werror=all-warnings', '-cubin'];
    // Two minutes of work: once for each state of the sources.
    const key = sha256Texts([
      nvcc.version,
      ...flags,
      ...names.map((name) => readFileSync(path.join(folder, name))),
    ]);
    const done = path.join(root, '.cache/cuda', `compiled_${key.slice(0, 16)}`);
    if (existsSync(done)) return expect(existsSync(done)).toBe(true);
    for (const name of names.filter((n) => n.endsWith('.cu'))) {
      const output = ['-o', path.join(os.tmpdir(), `mapl-${process.pid}.cubin`)];
      const result = await runCommand([nvcc.file, ...flags, path.join(folder, name), ...output]);
      expect(result.code).withContext(`${name}: ${result.stderr}`).toBe(0);
      expect(result.stderr).withContext(name).not.toContain('warning');
      if (result.code !== 0) return;
    }
    rmSync(path.join(os.tmpdir(), `mapl-${process.pid}.cubin`), {force: true});
    mkdirSync(path.dirname(done), {recursive: true});
    writeFileSync(done, '');
  }, 900_000);

  it('are compiled for the chips that nvcc knows, with PTX of the last', async () => {
    const answers: Record<string, {stdout?: string; stderr?: string}> = {
      '--version': {stdout: 'Cuda compilation tools, release 12.4\nBuild cuda_12.4\n'},
      '--list-gpu-code': {stdout: 'sm_80\nsm_86\nsm_90\n'},
      '--dryrun': {stderr: '#$ _HERE_=/opt/cuda/bin\n#$ TOP=/opt/cuda/bin/..\n'},
    };
    const run: RunCommand = ([, flag]) =>
      Promise.resolve({code: 0, stdout: '', stderr: '', ...answers[flag]});
    const nvcc = await findNvcc(run);
    expect(nvcc?.chips).toEqual(['80', '90']);
    expect(nvcc?.toolkit).toBe('/opt/cuda');
    expect(nvccFlags(nvcc!).filter((flag) => flag.startsWith('-gencode'))).toEqual([
      '-gencode=arch=compute_80,code=sm_80',
      '-gencode=arch=compute_90,code=sm_90',
      '-gencode=arch=compute_90,code=compute_90',
    ]);
    expect(cudaLinkFlags(nvcc!)).toContain('-lcudart_static');
  });

  it('are left out without an nvcc', async () => {
    const run: RunCommand = () => Promise.resolve({code: null, stdout: '', stderr: 'not found'});
    expect(await findNvcc(run)).toBeNull();
  });
});
