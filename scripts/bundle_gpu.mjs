/**
 * `npm run bench:gpu`: bundles `benchmarks/gpu` into files that need no packages and runs them on this machine's GPU; then, where
 * there is PyTorch, `benchmarks/cuda.py`. `npm run bench:gpu -- --pack FILE.tgz` packs all of it instead, with Node, for a machine
 * with neither npm nor network: there `tar xzf FILE.tgz && bench_gpu/all.sh`.
 */
import {execFileSync, spawnSync} from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import resolve from '@rollup/plugin-node-resolve';
import {rollup} from 'rollup';
import esbuild from 'rollup-plugin-esbuild';
import {builtinModules} from 'node:module';
import {ensurePackages, root} from './bootstrap.mjs';

const NANOGPT = '@genai-fi/nanogpt';
const NANOGPT_VERSION = '1.3.0';

/** What the CUDA programs consist of, packed in the same folders. */
const CUDA = [
  'benchmarks/cuda.py',
  'test/cuda',
  'src/kernels/tensorflow/native/cuda',
  'src/kernels/tensorflow/native/half_bits.h',
];

/** Of the package: everything, a failure of one program keeping none of the others from running. */
const ALL = `#!/bin/sh
# bench_gpu/all.sh [DIR]: all tables of the GPU benchmarks into DIR (default results), and the tests of the CUDA kernels.
# Rows that DIR has already of this GPU are kept: run it again if it was ended early.
here=$(dirname "$0")
out=\${1:-results}
python=\${PYTHON:-python3}
status=0
"$here/node" "$here/bench_gpu.mjs" --missing --out "$out" || status=1
"$python" "$here/cuda/benchmarks/cuda.py" --missing --out "$out" || status=1
"$python" "$here/cuda/test/cuda/test_kernels.py" || status=1
exit $status
`;

/** Bytes that a package for a machine without network may take. */
const LIMIT = 64 * 2 ** 20;

const args = process.argv.slice(2);
const packAt = args.indexOf('--pack');
const pack = packAt < 0 ? null : args.splice(packAt, 2)[1];
if (packAt >= 0 && pack == null) {
  console.error('--pack: expected the name of a file, such as bench_gpu.tgz.');
  process.exit(2);
}

ensurePackages();
const folder = path.join(root, '.cache', 'bench_gpu');
rmSync(folder, {recursive: true, force: true});
mkdirSync(folder, {recursive: true});
const arch = process.platform === 'darwin' ? 'universal' : process.arch;
const dawn = path.join(root, 'node_modules/webgpu/dist', `${process.platform}-${arch}`);
copyFileSync(path.join(dawn, 'dawn.node'), path.join(folder, 'dawn.node'));

const peer = nanogptFolder();
await bundle('main.ts', 'bench_gpu.mjs');
if (peer != null) await bundle('nanogpt.ts', 'nanogpt.mjs');

if (pack != null) {
  copyFileSync(process.execPath, path.join(folder, 'node'));
  const isSource = (name) => !name.endsWith('__pycache__');
  for (const name of CUDA) {
    cpSync(path.join(root, name), path.join(folder, 'cuda', name), {
      recursive: true,
      filter: isSource,
    });
  }
  writeFileSync(path.join(folder, 'all.sh'), ALL, {mode: 0o755});
  const file = path.resolve(pack);
  execFileSync('tar', ['czf', file, '-C', path.dirname(folder), path.basename(folder)]);
  const bytes = statSync(file).size;
  console.log(`${file}: ${(bytes / 2 ** 20).toFixed(1)} MiB`);
  process.exit(bytes > LIMIT ? 1 : 0);
}
const script = path.join(folder, 'bench_gpu.mjs');
const run = (file) =>
  spawnSync(process.execPath, [...file, ...args], {stdio: 'inherit'}).status ?? 1;
const status = run([script]);
// Flags that both know, or none: else a part of WebGPU's rows is asked for.
const both = args.every((arg, i) => arg === '--missing' || [arg, args[i - 1]].includes('--out'));
const torch = path.join(root, 'scripts/python_with_torch.mjs');
const cuda = both ? run([torch, path.join(root, 'benchmarks/cuda.py')]) : 0;
process.exit(status || cuda);

/** One of the programs in `benchmarks/gpu` with everything that it imports. */
async function bundle(entry, file) {
  const bundled = await rollup({
    input: path.join(root, 'benchmarks/gpu', entry),
    external: (id) =>
      builtinModules.includes(id.replace(/^node:/, '')) ||
      // Other backends, loaded on demand only.
      /^@tensorflow\/tfjs-(node|backend-(wasm|webgl|cpu))$/.test(id),
    onwarn: (warning, warn) => {
      const known = ['CIRCULAR_DEPENDENCY', 'THIS_IS_UNDEFINED', 'EVAL', 'SOURCEMAP_ERROR'];
      if (!known.includes(warning.code)) warn(warning);
    },
    plugins: [
      dawnBeside(),
      nanogptModule(),
      resolve({
        preferBuiltins: true,
        browser: false,
        exportConditions: ['node'],
        // tfjs-webgpu's entry for Node is for webpack; its modules are these.
        mainFields: ['module', 'main'],
        extensions: ['.ts', '.js', '.mjs', '.json'],
      }),
      commonjs(),
      json(),
      esbuild({target: 'es2022'}),
    ],
  });
  await bundled.write({
    // Files of their own for what is imported on demand: tfjs-webgpu looks for WebGPU when it is loaded.
    dir: folder,
    entryFileNames: file,
    chunkFileNames: `${path.parse(file).name}-[name]-[hash].mjs`,
    format: 'es',
    // tfjs asks for `util` by `require`.
    banner: `import {createRequire as requireOf} from 'node:module';
globalThis.require ??= requireOf(import.meta.url);
globalThis.benchmarkBuild = ${JSON.stringify(build())};`,
  });
  await bundled.close();
}

/** What the programs cannot find out without packages. */
function build() {
  const version = (name) =>
    JSON.parse(readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  const tfjs = ['tfjs-core', 'tfjs-backend-webgpu'].map((n) => [n, version(`@tensorflow/${n}`)]);
  const results = pack == null ? path.join(root, 'benchmarks', 'results') : '.';
  return {versions: {...Object.fromEntries(tfjs), webgpu: version('webgpu')}, results};
}

/** The npm package `webgpu` as its library alone, which lies beside the bundle. */
function dawnBeside() {
  return {
    name: 'dawn-beside',
    resolveId: (id) => (id === 'webgpu' ? '\0dawn' : null),
    load: (id) =>
      id === '\0dawn'
        ? `import {createRequire} from 'node:module';
           export const {create, globals} = createRequire(import.meta.url)('./dawn.node');`
        : null,
  };
}

/** The parts of nanogpt that train; its one look at Node's `util`, a stub in its bundle, goes to the real one. */
function nanogptModule() {
  return {
    name: 'nanogpt',
    resolveId: (id) => (id === 'mapl:nanogpt' ? '\0nanogpt' : null),
    load: (id) =>
      id === '\0nanogpt'
        ? `export {selectBackend} from ${JSON.stringify(path.join(peer, 'backend.js'))};
           export {default as Model} from ${JSON.stringify(path.join(peer, 'models/NanoGPTV2.js'))};
           export {default as BasicTrainer} from ${JSON.stringify(path.join(peer, 'training/BasicTrainer.js'))};
           export {pack16} from ${JSON.stringify(path.join(peer, 'ops/pack16.js'))};
           export {unpack16} from ${JSON.stringify(path.join(peer, 'ops/unpack16.js'))};
           export {createSoftmaxCrossEntropyWithGrad} from ${JSON.stringify(path.join(peer, 'training/sparseCrossEntropy.js'))};
           export {clipScale} from ${JSON.stringify(path.join(peer, 'ops/globalNorm.js'))};
           export {AdamWOptimizer} from ${JSON.stringify(path.join(peer, 'training/AdamW.js'))};`
        : null,
    transform: (code, id) =>
      peer != null && id.startsWith(peer)
        ? code.replace(/this\.util = \w+\(\)/, 'this.util = globalThis.nodeUtil')
        : null,
  };
}

/** Its modules, installed beside this project's own packages, or null with a message. */
function nanogptFolder() {
  const prefix = path.join(root, '.cache', 'nanogpt');
  const modules = path.join(prefix, 'node_modules', NANOGPT);
  if (!existsSync(modules)) {
    const spec = `${NANOGPT}@${NANOGPT_VERSION}`;
    const options = ['--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund'];
    const {status} = spawnSync('npm', ['install', ...options, spec], {stdio: 'inherit'});
    if (status !== 0) {
      console.error(`${spec} could not be installed: its rows will be missing.`);
      return null;
    }
  }
  return path.join(modules, 'dist');
}
