/** Compiling C++ against TensorFlow's libraries. */
import os from 'node:os';
import path from 'node:path';
import {nodeApiHeaders} from './paths.js';
import {errorLine, type RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';

/** The Node-API version that tfjs-node's binding is written for. */
export const NAPI_VERSION = 8;

/** What TensorFlow itself was compiled with, as `tf.sysconfig.get_compile_flags()` says. */
const ABI_FLAGS = ['-std=c++17', '-D_GLIBCXX_USE_CXX11_ABI=1', '-DEIGEN_MAX_ALIGN_BYTES=64'];

/**
 * The C++ compiler: `CXX`, g++, c++ or clang++.
 *
 * @throws SetupError that says how to get one
 */
export async function findCompiler(run: RunCommand): Promise<string> {
  const named = process.env.CXX;
  for (const compiler of named ? [named] : ['g++', 'c++', 'clang++']) {
    if ((await run([compiler, '--version'])).code === 0) return compiler;
  }
  throw new SetupError(
    `${named ? `CXX=${named} does not run` : 'g++ is missing'}: it builds tfjs-node's binding. Install it (Debian, ` +
      'Ubuntu: apt-get install g++) and run setup again. The backends wasm, webgpu and cpu work without.',
  );
}

/** Flags for a translation unit that includes TensorFlow's and Node's headers. */
export function compileFlags(site: string): string[] {
  return [...keyFlags(site), `-I${nodeApiHeaders()}`];
}

/**
 * The flags on which the result depends, for hashes. Without the folder of Node's headers: it lies in the project, and
 * objects are shared between projects.
 */
export function keyFlags(site: string): string[] {
  return [
    ...ABI_FLAGS,
    '-fPIC',
    '-w',
    '-DNDEBUG',
    `-DNAPI_VERSION=${NAPI_VERSION}`,
    `-I${path.join(site, 'tensorflow/include')}`,
  ];
}

/** Flags to link with TensorFlow's libraries, which are found again by their absolute path. */
export function linkFlags(site: string): string[] {
  const folder = path.join(site, 'tensorflow');
  return [
    `-L${folder}`,
    '-l:libtensorflow_cc.so.2',
    '-l:libtensorflow_framework.so.2',
    `-Wl,-rpath,${folder}`,
  ];
}

/**
 * Runs the compiler.
 *
 * @throws SetupError with the compiler's first error
 */
export async function compile(run: RunCommand, command: string[], what: string): Promise<void> {
  const result = await run(command);
  if (result.code !== 0) {
    const first = result.stderr.split('\n').find((line) => /error/i.test(line));
    throw new SetupError(`${what} does not compile: ${(first ?? errorLine(result)).trim()}`);
  }
}

/** Compilers that may run at once: TensorFlow's headers take more than a gigabyte each. */
export function compileJobs(): number {
  return Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.freemem() / 1.5e9)));
}
