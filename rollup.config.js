import {builtinModules} from 'node:module';
import {readFileSync} from 'node:fs';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import resolve from '@rollup/plugin-node-resolve';
import esbuild from 'rollup-plugin-esbuild';

const pkg = JSON.parse(readFileSync('package.json', 'utf8'));
const installed = [...Object.keys(pkg.dependencies), ...Object.keys(pkg.peerDependencies)];
/** In Node everything that npm installs stays outside the bundle: one copy of tfjs, one registry of kernels. */
const external = (id) =>
  builtinModules.includes(id.replace(/^node:/, '')) ||
  installed.some((name) => id === name || id.startsWith(`${name}/`)) ||
  id.startsWith('@tensorflow/');
/** A script tag has no package manager: what the library imports at once is in the file, what it loads on demand is not. */
const onDemand =
  /^(node:|@tensorflow\/|@libp2p\/|@multiformats\/|libp2p$|webgpu$|ws$|uint8arraylist$)/;
const externalToScript = (id) => builtinModules.includes(id) || onDemand.test(id);
/** In a script tag tfjs is the global `tf`; Node's modules are only reached behind a check for Node. */
const globals = (id) => (id.startsWith('@tensorflow/') ? 'tf' : id.replace(/\W/g, '_'));
const onwarn = (warning, warn) => {
  if (warning.code === 'CIRCULAR_DEPENDENCY' && /node_modules/.test(warning.message)) return;
  warn(warning);
};
const plugins = (minify = false) => [
  resolve({preferBuiltins: true, extensions: ['.ts', '.js', '.json']}),
  commonjs(),
  json(),
  esbuild({target: 'es2022', minify}),
];

export default [
  {
    input: 'src/index.ts',
    external,
    onwarn,
    plugins: plugins(),
    output: [
      {file: 'dist/tfjs-mapl.js', format: 'es', sourcemap: true, inlineDynamicImports: true},
      {
        file: 'dist/tfjs-mapl.cjs',
        format: 'cjs',
        sourcemap: true,
        inlineDynamicImports: true,
        exports: 'named',
      },
    ],
  },
  {
    input: 'src/index.ts',
    external: externalToScript,
    onwarn,
    plugins: plugins(true),
    output: {
      file: 'dist/tfjs-mapl.umd.min.js',
      format: 'umd',
      name: 'mapl',
      exports: 'named',
      sourcemap: true,
      inlineDynamicImports: true,
      globals,
    },
  },
  {
    input: 'src/cli/main.ts',
    external: (id) => external(id) || id.endsWith('/tfjs-mapl.js'),
    onwarn,
    plugins: plugins(),
    output: {
      file: 'dist/cli.js',
      format: 'es',
      sourcemap: true,
      banner: '#!/usr/bin/env node',
      inlineDynamicImports: true,
    },
  },
];
