/** The built package as its users load it: ESM, CommonJS, a script tag, TypeScript declarations. */
import {execFile} from 'node:child_process';
import {mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import vm from 'node:vm';
import * as tf from '@tensorflow/tfjs';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** The public names that the documentation promises. */
const NAMES = [
  'projectionBoundary',
  'ProjectionBoundary',
  'anchorEmbedding',
  'AnchorEmbedding',
  'llama',
  'loadLlama',
  'saveLlama',
  'boundaryEncode',
  'boundaryDecode',
  'polarFactor',
  'rmsNorm',
  'rotaryEmbedding',
  'swiglu',
  'causalAttention',
  'sparseCrossEntropy',
  'stiefel',
  'train',
  'splitModel',
  'pipeline',
];

describe('package', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'tfjs-mapl-package-'));
    const modules = path.join(folder, 'node_modules');
    mkdirSync(modules);
    symlinkSync(root, path.join(modules, 'tfjs-mapl'));
    symlinkSync(path.join(root, 'node_modules/@tensorflow'), path.join(modules, '@tensorflow'));
  });

  afterAll(() => rmSync(folder, {recursive: true}));

  it('imports as an ES module', async () => {
    const file = path.join(folder, 'esm.mjs');
    writeFileSync(
      file,
      `import * as m from 'tfjs-mapl'; console.log(JSON.stringify(Object.keys(m)));`,
    );
    const names = JSON.parse(
      (await run(process.execPath, [file])).stdout.trim().split('\n').pop()!,
    );
    for (const name of NAMES) expect(names).toContain(name);
  });

  it('requires as CommonJS', async () => {
    const file = path.join(folder, 'cjs.cjs');
    writeFileSync(file, `console.log(JSON.stringify(Object.keys(require('tfjs-mapl'))));`);
    const names = JSON.parse(
      (await run(process.execPath, [file])).stdout.trim().split('\n').pop()!,
    );
    for (const name of NAMES) expect(names).toContain(name);
  });

  it('mends the wasm backend of a user who brings it up with tfjs alone', async () => {
    const file = path.join(folder, 'wasm.mjs');
    writeFileSync(
      file,
      `import * as tf from '@tensorflow/tfjs-core';
       import {rmsNorm} from 'tfjs-mapl';
       import '@tensorflow/tfjs-backend-wasm';
       await tf.setBackend('wasm');
       rmsNorm(tf.ones([2, 4]), tf.ones([4]));
       console.log(tf.getKernel('UnsortedSegmentSum', 'wasm') != null);`,
    );
    expect((await run(process.execPath, [file])).stdout.trim().split('\n').pop()).toBe('true');
  });

  it('loads from a script tag, beside the global tf and without Node', () => {
    const code = readFileSync(path.join(root, 'dist/tfjs-mapl.umd.min.js'), 'utf8');
    const page: {[name: string]: unknown} = {tf, console, TextEncoder, TextDecoder, URL};
    page.self = page.globalThis = page;
    vm.runInNewContext(code, page);
    for (const name of NAMES) expect(Object.keys(page.mapl as object)).toContain(name);
  });

  it('has one copy of tfjs for ESM and CommonJS users', () => {
    const require = createRequire(path.join(root, 'package.json'));
    expect(require('@tensorflow/tfjs-core').getBackend).toBe(tf.getBackend);
  });

  it('type-checks in a strict TypeScript project', async () => {
    writeFileSync(
      path.join(folder, 'user.ts'),
      `import {projectionBoundary, train, splitModel, pipeline, stiefel} from 'tfjs-mapl';
       const layer = projectionBoundary({rank: 8, vocabSize: 64});
       const optimizer = train.mapl({learningRate: 0.02});
       export {layer, optimizer, splitModel, pipeline, stiefel};`,
    );
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    for (const [module, resolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const args = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022'];
      const all = [tsc, ...args, '--module', module, '--moduleResolution', resolution, 'user.ts'];
      const {stdout} = await run(process.execPath, all, {cwd: folder}).catch((error) => error);
      expect(stdout).withContext(resolution).toBe('');
    }
  });
});
