/**
 * `npm test`: sets everything up, then style, types and build, then every suite on every backend that is found here.
 * `npm test -- --only wasm` runs the suites whose name contains a text. The last line has the counts.
 */
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {ensurePackages, ensureTensorFlow} from './bootstrap.mjs';
import {inNode, runSuites, skipped, summary} from './suites.mjs';
import {findChromium} from './system_packages.mjs';

const {values} = parseArgs({options: {only: {type: 'string'}, jobs: {type: 'string'}}});
const wanted = ({name}) => values.only == null || name.includes(values.only);
const jobs = Number(values.jobs ?? Math.min(2, os.availableParallelism()));

ensurePackages();
const tensorflow = ensureTensorFlow();
const chromium = findChromium({install: true});
// SwiftShader, on which WebGPU runs without a GPU, is found beside Chromium.
if (chromium != null) process.env.CHROME_BIN = chromium;

const bin = (name) => path.join('node_modules', '.bin', name);
const checks = [
  {name: 'build', command: 'npm', args: ['run', '--silent', 'build']},
  {name: 'eslint', command: bin('eslint'), args: ['.']},
  {name: 'types', command: bin('tsc'), args: ['-p', 'tsconfig.json']},
  {name: 'prettier', command: bin('prettier'), args: ['--check', '.']},
];

const inChromium = (backend) => ({
  name: `Chromium, ${backend}`,
  command: process.execPath,
  args: ['node_modules/karma/bin/karma', 'start', 'karma.conf.cjs', '--single-run'],
  env: {MAPL_BACKEND: backend},
  counts: true,
});

// The slow ones first, so that the quick ones fill the gaps.
const suites = [
  inNode('backend', 'webgpu', {optional: true}),
  ...(chromium == null ? [] : [inChromium('webgpu')]),
  inNode('node', tensorflow.ok ? 'tensorflow' : 'wasm'),
  inNode('backend', 'cpu'),
  ...(chromium == null ? [] : [inChromium('wasm')]),
  ...(chromium == null ? [] : [inNode('examples', 'wasm')]),
  inNode('backend', 'wasm'),
  ...(tensorflow.ok ? [inNode('backend', 'tensorflow')] : []),
];

const outcomes = await runSuites(checks.filter(wanted), jobs);
outcomes.push(...(await runSuites(suites.filter(wanted), jobs)));
if (!tensorflow.ok && wanted({name: 'backend suite, tensorflow'})) {
  outcomes.push(skipped('backend suite, tensorflow', tensorflow.reason));
}
if (chromium == null) {
  const how =
    'no Chromium is found: install it (Debian, Ubuntu: apt-get install chromium) or set CHROME_BIN';
  const missing = ['Chromium', 'examples suite, wasm'].filter((name) => wanted({name}));
  outcomes.push(...missing.map((name) => skipped(name, how)));
}
const {text, failed} = summary(outcomes);
console.log(text);
process.exitCode = failed > 0 ? 1 : 0;
