/**
 * Runs one suite in Node: `npm run test:suite -- --suite backend --backend wasm [--filter text] [--json file]`.
 * `--slowest 10` lists the specs that took longest; `--deep` runs sizes that take minutes (`MAPL_TEST_DEEP`).
 * Suites: `backend` (folders that run on every tfjs backend), `node`, and `examples` (drives a Chromium).
 */
import {readdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {parseArgs} from 'node:util';
import Jasmine from 'jasmine';
import {installLeakGuard} from './support/leak_guard.js';
import {useBackend} from './support/use_backend.js';
import suites from './suites.json' with {type: 'json'};

const SUITES: Record<string, string[]> = suites;

const {values} = parseArgs({
  options: {
    suite: {type: 'string', default: 'backend'},
    backend: {type: 'string', default: 'tensorflow'},
    filter: {type: 'string'},
    files: {type: 'string'},
    json: {type: 'string'},
    slowest: {type: 'string'},
    deep: {type: 'boolean', default: false},
  },
});

const folders = SUITES[values.suite];
if (folders == null) {
  throw new Error(`--suite ${values.suite}: expected one of ${Object.keys(SUITES).join(', ')}.`);
}
if (values.deep) process.env.MAPL_TEST_DEEP = '1';
const root = import.meta.dirname;
const specs = readdirSync(root, {recursive: true, withFileTypes: true})
  .filter((entry) => entry.isFile() && entry.name.endsWith('_test.ts'))
  .map((entry) => path.join(entry.parentPath, entry.name))
  .filter((file) => folders.some((folder) => file.startsWith(path.join(root, folder) + path.sep)))
  .filter((file) => values.files == null || path.relative(root, file).includes(values.files))
  .sort();

try {
  await useBackend(values.backend);
} catch (error) {
  // Code 77 tells scripts/test.mjs that the backend is not there, as opposed to a failing spec.
  console.error((error as Error).message);
  process.exit(77);
}
const runner = new Jasmine({projectBaseDir: path.dirname(root)});
runner.loadConfig({random: false, failSpecWithNoExpectations: true});
runner.exitOnCompletion = false;
jasmine.DEFAULT_TIMEOUT_INTERVAL = values.deep ? 3_600_000 : 600_000;
installLeakGuard();
for (const spec of specs) {
  await import(pathToFileURL(spec).href);
}
const counts = {passed: 0, failed: 0, skipped: 0};
const durations: {name: string; ms: number}[] = [];
runner.addReporter({
  specDone: (result) => {
    durations.push({name: result.fullName, ms: result.duration ?? 0});
    if (result.status === 'passed') counts.passed++;
    else if (result.status === 'failed') counts.failed++;
    else if (result.status !== 'excluded') counts.skipped++;
  },
});
const result = await runner.execute([], values.filter);
durations.sort((a, b) => b.ms - a.ms);
for (const {name, ms} of durations.slice(0, Number(values.slowest ?? 0))) {
  console.log(`${(ms / 1000).toFixed(1)} s  ${name}`);
}
if (values.json) {
  writeFileSync(values.json, JSON.stringify(counts));
}
process.exit(result.overallStatus === 'passed' ? 0 : 1);
