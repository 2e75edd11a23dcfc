/** Building the library of our TensorFlow ops (`src/kernels/tensorflow/native/`). */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {compile, compileFlags, compileJobs, findCompiler, keyFlags, linkFlags} from './compile.js';
import {cudaLinkFlags, nvccFlags, type Nvcc} from './cuda.js';
import {packageRoot} from '../../data/package_root.js';
import type {RunCommand} from './run_command.js';
import {partial, sha256Texts} from './state.js';

/**
 * The ops may use all that this CPU has; the cache is keyed by its model. Loops with square roots are only vectorised
 * where these need not set errno.
 */
const OPTIMISE = ['-O3', '-march=native', '-fno-math-errno'];

const HEADERS = /\.(h|hpp|inc|cuh)$/;

/** C++ sources of a library and what they were built from. */
export interface NativeSources {
  folder: string;
  /** Names of the `.cc` files, sorted; then of the GPU kernels' `.cu` and `.cc` files if there is an nvcc. */
  units: string[];
  /** Compiles the GPU kernels. */
  nvcc: Nvcc | null;
  /** One hash over sources, headers, flags and CPU. */
  key: string;
}

/** Folder of the GPU kernels in the folder of sources. */
const CUDA = 'cuda';

/** The sources of our ops, those of GPU kernels if there is an nvcc for them, or null where there are none. */
export async function nativeSources(
  site: string,
  given?: string,
  nvcc: Nvcc | null = null,
): Promise<NativeSources | null> {
  const folder = given ?? path.join(await packageRoot(), 'src/kernels/tensorflow/native');
  if (!existsSync(folder)) return null;
  const units = filesIn(folder, '.', /\.cc$/);
  if (units.length === 0) return null;
  if (nvcc != null) units.push(...filesIn(folder, CUDA, /\.(cc|cu)$/));
  return {folder, units, nvcc, key: hash(site, folder, units, nvcc)};
}

/** Files of a folder's subfolder that match, sorted, as paths from the folder. */
function filesIn(folder: string, subfolder: string, pattern: RegExp): string[] {
  const all = existsSync(path.join(folder, subfolder))
    ? readdirSync(path.join(folder, subfolder)).sort()
    : [];
  return all.filter((name) => pattern.test(name)).map((name) => path.join(subfolder, name));
}

/** Where the finished library of `sources` belongs. */
export function nativeLibrary(cache: string, sources: NativeSources): string {
  return path.join(cache, 'native', sources.key.slice(0, 16), 'tfjs_mapl_ops.node');
}

/**
 * Compiles the sources, several at once, and links them. Objects are kept by the hash of what they were made from: a
 * second run after an interruption, or after a change in one file, only compiles what is missing.
 *
 * @returns path of the library
 * @throws SetupError with the compiler's first error
 */
export async function buildNativeOps(
  sources: NativeSources,
  site: string,
  cache: string,
  run: RunCommand,
): Promise<string> {
  const library = nativeLibrary(cache, sources);
  if (existsSync(library)) return library;
  const compiler = await findCompiler(run);
  const {nvcc} = sources;
  const objects = path.join(cache, 'native', 'objects');
  mkdirSync(objects, {recursive: true});
  const made = sources.units.map((unit) => ({
    source: path.join(sources.folder, unit),
    object: path.join(objects, `${hash(site, sources.folder, [unit], nvcc).slice(0, 32)}.o`),
  }));

  const queue = made.filter(({object}) => !existsSync(object));
  const worker = async () => {
    for (let next = queue.shift(); next != null; next = queue.shift()) {
      const beside = partial(next.object);
      const isCuda = next.source.endsWith('.cu');
      const program = isCuda ? nvcc!.file : compiler;
      const include = nvcc == null ? [] : [`-I${path.join(nvcc.toolkit, 'include')}`];
      const flags = isCuda ? nvccFlags(nvcc!) : [...OPTIMISE, ...compileFlags(site), ...include];
      await compile(
        run,
        [program, ...flags, '-c', next.source, '-o', beside],
        path.basename(next.source),
      );
      renameSync(beside, next.object);
    }
  };
  await Promise.all(Array.from({length: compileJobs()}, worker));

  const folder = path.dirname(library);
  mkdirSync(folder, {recursive: true});
  const beside = partial(library);
  const libraries = [...linkFlags(site), ...(nvcc == null ? [] : cudaLinkFlags(nvcc))];
  await compile(
    run,
    [compiler, '-shared', ...made.map(({object}) => object), '-o', beside, ...libraries],
    'the library of TensorFlow ops',
  );
  renameSync(beside, library);
  return library;
}

/** Puts a library aside that turned out not to load, with the reason: it is built anew when asked to. */
export function discardNativeOps(library: string, reason: string): void {
  rmSync(library, {force: true});
  writeFileSync(path.join(path.dirname(library), 'reason.txt'), reason);
}

function hash(site: string, folder: string, units: string[], nvcc: Nvcc | null): string {
  const headers = [...filesIn(folder, '.', HEADERS), ...filesIn(folder, CUDA, HEADERS)];
  return sha256Texts([
    os.cpus()[0]?.model ?? process.arch,
    ...OPTIMISE,
    ...keyFlags(site),
    ...(nvcc == null ? [] : [nvcc.version, ...nvccFlags(nvcc)]),
    ...[...units, ...headers].flatMap((name) => [name, readFileSync(path.join(folder, name))]),
  ]);
}
