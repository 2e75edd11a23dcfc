/** Compiling the GPU kernels of our TensorFlow ops. */
import {existsSync} from 'node:fs';
import path from 'node:path';
import type {RunCommand} from './run_command.js';

/** NVIDIA's compiler. */
export interface Nvcc {
  file: string;
  /** What it is, for hashes: the last line of `nvcc --version`. */
  version: string;
  /** Folder with `include` and `lib64`. */
  toolkit: string;
  /** Chips it compiles for, of those that we want: `['80', '90', '100']`. */
  chips: string[];
}

/** Ampere, Hopper, Blackwell. */
const CHIPS = ['80', '90', '100'];

/**
 * nvcc: `NVCC`, or on the path, or where NVIDIA's installer puts it; null where there is none, or one that knows none of
 * our chips.
 */
export async function findNvcc(run: RunCommand): Promise<Nvcc | null> {
  const named = process.env.NVCC;
  for (const file of named ? [named] : ['nvcc', '/usr/local/cuda/bin/nvcc']) {
    const version = await run([file, '--version']);
    if (version.code !== 0) continue;
    const codes = await run([file, '--list-gpu-code']);
    const known = new Set(codes.stdout.split(/\s+/));
    const chips = CHIPS.filter((chip) => known.has(`sm_${chip}`));
    // `TOP=…` in what a dry run prints is the toolkit, also where nvcc on the path is a script or a link.
    const dry = await run([file, '--dryrun', '-E', '-x', 'cu', '/dev/null']);
    const top = /^#\$ TOP=(.+)$/m.exec(dry.stderr)?.[1];
    if (chips.length === 0 || top == null) continue;
    const lines = version.stdout.trim().split('\n');
    return {file, version: lines.at(-1)!, toolkit: path.resolve(top), chips};
  }
  return null;
}

/** Flags for the `.cu` files: machine code for each chip, and PTX of the last for those to come. */
export function nvccFlags({chips}: Nvcc): string[] {
  const last = chips.at(-1);
  return [
    '-std=c++17',
    '-O3',
    '-Xcompiler=-fPIC',
    ...chips.map((chip) => `-gencode=arch=compute_${chip},code=sm_${chip}`),
    `-gencode=arch=compute_${last},code=compute_${last}`,
  ];
}

/** CUDA's runtime, linked in: nothing of the toolkit is needed to run. */
export function cudaLinkFlags({toolkit}: Nvcc): string[] {
  const folders = ['lib64', 'lib', 'targets/x86_64-linux/lib'].map((name) =>
    path.join(toolkit, name),
  );
  const folder = folders.find((name) => existsSync(path.join(name, 'libcudart_static.a')));
  return [
    ...(folder == null ? [] : [`-L${folder}`]),
    '-lcudart_static',
    '-ldl',
    '-lrt',
    '-lpthread',
  ];
}
