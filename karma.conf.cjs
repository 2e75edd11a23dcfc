/**
 * The backend suite in headless Chromium: `MAPL_BACKEND=webgpu npx karma start karma.conf.cjs --single-run`.
 * `CHROME_BIN` names the browser. `npm test` does both.
 */
const {build} = require('esbuild');
const fs = require('node:fs');
const path = require('node:path');
const {FLAGS} = require('./test/karma/chromium_flags.cjs');
const {countsReporter} = require('./test/karma/counts_reporter.cjs');
const {backend: FOLDERS} = require('./test/suites.json');

/** One script of all specs, loaded after the backend is up: some specs make tensors when they are declared. */
async function bundle() {
  const specs = FOLDERS.map((folder) => path.join(__dirname, 'test', folder))
    .filter((folder) => fs.existsSync(folder))
    .flatMap((folder) => fs.readdirSync(folder, {recursive: true}).map((f) => path.join(folder, f)))
    .filter((file) => file.endsWith('_test.ts'))
    .filter((file) => file.includes(process.env.MAPL_FILES ?? ''))
    .sort();
  const outfile = path.join(__dirname, '.cache', 'karma', `specs-${process.pid}.js`);
  await build({
    entryPoints: [path.join(__dirname, 'test/karma/entry.ts')],
    outfile,
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    sourcemap: 'inline',
    logLevel: 'error',
    // Reached in Node only.
    external: ['node:*', 'webgpu', '@tensorflow/tfjs-node'],
    plugins: [
      {
        name: 'specs',
        setup(builder) {
          builder.onResolve({filter: /^mapl:specs$/}, () => ({path: 'specs', namespace: 'specs'}));
          builder.onLoad({filter: /.*/, namespace: 'specs'}, () => ({
            contents: specs.map((file) => `import ${JSON.stringify(file)};`).join('\n'),
            resolveDir: __dirname,
          }));
        },
      },
    ],
  });
  process.on('exit', () => fs.rmSync(outfile, {force: true}));
  return outfile;
}

module.exports = async (config) => {
  const {findChromium} = await import('./scripts/system_packages.mjs');
  process.env.CHROME_BIN ??= findChromium() ?? '';
  const wasm = 'node_modules/@tensorflow/tfjs-backend-wasm/dist/*.wasm';
  config.set({
    basePath: __dirname,
    frameworks: ['jasmine'],
    plugins: [
      'karma-jasmine',
      'karma-chrome-launcher',
      {'reporter:counts': ['type', countsReporter]},
    ],
    files: [
      await bundle(),
      {pattern: 'test/fixtures/**', included: false, watched: false},
      {pattern: wasm, included: false, watched: false},
    ],
    proxies: {
      '/fixtures/': '/base/test/fixtures/',
      '/wasm/': '/base/node_modules/@tensorflow/tfjs-backend-wasm/dist/',
    },
    mime: {'application/wasm': ['wasm']},
    client: {
      backend: process.env.MAPL_BACKEND ?? 'webgpu',
      jasmine: {random: false, failSpecWithNoExpectations: true, timeoutInterval: 600_000},
    },
    reporters: ['dots', 'counts'],
    browsers: ['Headless'],
    customLaunchers: {Headless: {base: 'Chrome', flags: ['--headless=new', ...FLAGS]}},
    // One spec on emulated WebGPU may take minutes.
    browserNoActivityTimeout: 600_000,
    captureTimeout: 120_000,
    browserDisconnectTimeout: 30_000,
    singleRun: true,
    autoWatch: false,
  });
};
