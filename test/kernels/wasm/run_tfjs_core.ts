/**
 * Runs tfjs-core's own specs on the wasm backend with our kernels, and prints a JSON summary as its last line. In a process
 * of its own because those specs reset the engine, and bundled because they import the ES modules of tfjs-core, which Node
 * would load beside the CommonJS file that everything else uses: two cores, with two classes of tensors.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {build} from 'esbuild';
import Jasmine from 'jasmine';

const require = createRequire(import.meta.url);
const core = path.resolve(require.resolve('@tensorflow/tfjs-core'), '..', 'index.js');
const wasm = require.resolve('@tensorflow/tfjs-backend-wasm');
const folder = mkdtempSync(path.join(tmpdir(), 'tfjs-core-specs-'));
process.once('exit', () => rmSync(folder, {recursive: true, force: true}));
process.env.WASM_FILES = path.dirname(wasm) + path.sep;

const bundle = path.join(folder, 'specs.cjs');
await build({
  entryPoints: [path.join(import.meta.dirname, 'tfjs_core_specs.ts')],
  outfile: bundle,
  bundle: true,
  // tfjs-core's package.json says that its spec files have no side effects.
  ignoreAnnotations: true,
  platform: 'node',
  format: 'cjs',
  logLevel: 'error',
  plugins: [
    {
      name: 'one-core',
      setup: ({onResolve}) => {
        onResolve({filter: /^@tensorflow\/tfjs-core$/}, () => ({path: core}));
        onResolve({filter: /^@tensorflow\/tfjs-backend-wasm$/}, () => ({
          path: wasm,
          external: true,
        }));
      },
    },
  ],
});

const runner = new Jasmine({projectBaseDir: folder});
runner.loadConfig({spec_dir: '.', spec_files: ['specs.cjs'], random: false});
runner.exitOnCompletion = false;
runner.clearReporters();
const summary = {passed: 0, failures: [] as string[]};
runner.addReporter({
  specDone: (spec) => {
    if (spec.status === 'passed') {
      summary.passed++;
    } else if (spec.status === 'failed') {
      summary.failures.push(`${spec.fullName}: ${spec.failedExpectations[0]?.message}`);
    }
  },
});
await runner.execute();
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exit(0);
