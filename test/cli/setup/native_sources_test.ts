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
import {cudaLinkFlags, findNvcc, nvccFlags, type Nvcc} from '../../../src/cli/setup/cuda.js';
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
    const sources = readdirSync(folder).filter((name) => /\.(cu|cuh|h)$/.test(name));
    const headers = readdirSync(native).filter((name) => name.endsWith('.h'));
    const flags = [...nvccFlags(nvcc), '-Werror=all-warnings'];
    // Some minutes of work: once for each state of a file and of the headers.
    const text = (files: string[], from: string) =>
      files.map((name) => readFileSync(path.join(from, name)));
    const isUnit = (name: string) => name.endsWith('.cu');
    const included = sources.filter((name) => !isUnit(name));
    const key = [nvcc.version, ...flags, ...text(included, folder), ...text(headers, native)];
    const object = path.join(os.tmpdir(), `mapl-${process.pid}.o`);
    for (const name of sources.filter(isUnit)) {
      const hash = sha256Texts([...key, ...text([name], folder)]).slice(0, 16);
      const done = path.join(root, '.cache/cuda', `compiled_${hash}`);
      if (existsSync(done)) continue;
      const unit = path.join(folder, name);
      const result = await runCommand([nvcc.file, ...flags, '-c', unit, '-o', object]);
      expect(result.code).withContext(`${name}: ${result.stderr}`).toBe(0);
      expect(result.stderr).withContext(name).not.toContain('warning');
      if (result.code !== 0) return;
      mkdirSync(path.dirname(done), {recursive: true});
      writeFileSync(done, '');
    }
    rmSync(object, {force: true});
    expect(sources.filter(isUnit)).toContain('attention.cu');
  }, 900_000);

  const gencode = (chip: string, code = `sm_${chip}`) =>
    `-gencode=arch=compute_${chip},code=${code}`;
  const known = async (codes: string) => {
    const answers: Record<string, {stdout?: string; stderr?: string}> = {
      '--version': {stdout: 'Cuda compilation tools, release 12.4\nBuild cuda_12.4\n'},
      '--list-gpu-code': {stdout: codes},
      '--dryrun': {stderr: '#$ _HERE_=/opt/cuda/bin\n#$ TOP=/opt/cuda/bin/..\n'},
    };
    const run: RunCommand = ([, flag]) =>
      Promise.resolve({code: 0, stdout: '', stderr: '', ...answers[flag]});
    return (await findNvcc(run))!;
  };
  const chipFlags = (nvcc: Nvcc) => nvccFlags(nvcc).filter((flag) => flag.startsWith('-gencode'));

  it('are compiled for Ampere, Hopper and Blackwell, with PTX of the last', async () => {
    const nvcc = await known('sm_75\nsm_80\nsm_86\nsm_90\nsm_100\nsm_120\n');
    expect(chipFlags(nvcc)).toEqual([
      ...['80', '90', '100'].map((chip) => gencode(chip)),
      gencode('100', 'compute_100'),
    ]);
    expect(nvcc.toolkit).toBe('/opt/cuda');
    expect(cudaLinkFlags(nvcc)).toContain('-lcudart_static');
  });

  it('are compiled for those of them that an older nvcc knows', async () => {
    expect(chipFlags(await known('sm_80\nsm_86\nsm_90\n'))).toEqual([
      gencode('80'),
      gencode('90'),
      gencode('90', 'compute_90'),
    ]);
  });

  it('are left out without an nvcc', async () => {
    const run: RunCommand = () => Promise.resolve({code: null, stdout: '', stderr: 'not found'});
    expect(await findNvcc(run)).toBeNull();
  });
});
