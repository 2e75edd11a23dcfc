/** Running test suites as programs of their own and adding up what they report. */
import {spawn} from 'node:child_process';
import {mkdirSync, readFileSync, rmSync} from 'node:fs';
import path from 'node:path';
import {root} from './bootstrap.mjs';

/** Exit code of a suite whose backend does not work here. */
export const NO_BACKEND = 77;

/** A suite that says nothing for so long hangs. Milliseconds. */
const LIMIT = 40 * 60_000;

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} [env]
 * @property {boolean} [counts] whether it reports counts (to the file named by `--json`), else it is one test
 * @property {boolean} [optional] whether a missing backend skips it instead of failing it
 */

/**
 * @typedef {object} Outcome
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {number} seconds
 * @property {string} [note]
 */

/**
 * A suite in Node on one backend.
 *
 * @param {string} suite `backend` or `node`
 * @param {string} backend name in tfjs
 * @param {{optional?: boolean, node?: string, label?: string}} [options] another Node and what to call it
 * @returns {Suite}
 */
export function inNode(suite, backend, {optional = false, node = process.execPath, label} = {}) {
  return {
    name: `${label ? `${label}: ` : ''}${suite} suite, ${backend}`,
    command: node,
    args: ['--import', 'tsx', 'test/run.ts', '--suite', suite, '--backend', backend],
    // Programs that specs start by name are found in the same Node.
    env: {PATH: [path.dirname(node), process.env.PATH].join(path.delimiter)},
    counts: true,
    optional,
  };
}

/**
 * Runs suites, up to `jobs` at once. Prints a line for each, and its whole output when it fails.
 *
 * @param {Suite[]} suites
 * @param {number} jobs
 * @returns {Promise<Outcome[]>} in the order of `suites`
 */
export async function runSuites(suites, jobs) {
  // Without this a signal would leave the suites running.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  const outcomes = new Array(suites.length);
  const queue = suites.map((suite, index) => ({suite, index}));
  const worker = async () => {
    for (let next = queue.shift(); next != null; next = queue.shift()) {
      const {outcome, output} = await runSuite(next.suite);
      outcomes[next.index] = outcome;
      if (outcome.failed > 0) console.log(`\n──── ${outcome.name}\n${output.trimEnd()}\n────\n`);
      console.log(line(outcome));
    }
  };
  await Promise.all(Array.from({length: jobs}, worker));
  return outcomes;
}

/** A suite that cannot run here. */
export function skipped(name, note) {
  const outcome = {name, passed: 0, failed: 0, skipped: 1, seconds: 0, note};
  console.log(line(outcome));
  return outcome;
}

/** @param {Suite} suite */
async function runSuite({name, command, args, env = {}, counts = false, optional = false}) {
  const folder = path.join(root, '.cache', 'tests');
  mkdirSync(folder, {recursive: true});
  const json = path.join(folder, `${name.replace(/\W+/g, '-')}-${process.pid}.json`);
  rmSync(json, {force: true});
  const start = performance.now();
  const {code, output} = await capture(command, counts ? [...args, '--json', json] : args, {
    ...env,
    MAPL_TEST_JSON: json,
  });
  const seconds = (performance.now() - start) / 1000;
  const outcome = {name, passed: 0, failed: 0, skipped: 0, seconds};
  if (code === NO_BACKEND && optional) {
    const reason = output.trim().split('\n').at(-1);
    return {outcome: {...outcome, skipped: 1, note: reason}, output};
  }
  Object.assign(outcome, counts ? readCounts(json) : {passed: code === 0 ? 1 : 0});
  // A crash, or a failure outside of a spec.
  if (code !== 0 && outcome.failed === 0) outcome.failed = 1;
  if (counts && code === 0 && outcome.passed === 0) {
    return {outcome: {...outcome, failed: 1, note: 'it ran no tests'}, output};
  }
  return {outcome, output};
}

function readCounts(json) {
  try {
    return JSON.parse(readFileSync(json, 'utf8'));
  } catch {
    return {};
  } finally {
    rmSync(json, {force: true});
  }
}

function capture(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: {...process.env, ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    const limit = setTimeout(() => {
      output += `\nstopped after ${LIMIT / 60_000} minutes`;
      child.kill('SIGKILL');
    }, LIMIT);
    const stop = () => child.kill();
    process.once('exit', stop);
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      clearTimeout(limit);
      process.off('exit', stop);
      resolve({code, output});
    });
  });
}

function line({name, passed, failed, skipped: left, seconds, note}) {
  const parts = [`${passed} passed`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (left > 0) parts.push(`${left} skipped`);
  return `${name}: ${parts.join(', ')}, ${seconds.toFixed(1)} s${note ? ` (${note})` : ''}`;
}

/** The table of all suites and the last line. */
export function summary(outcomes) {
  const header = ['suite', 'passed', 'failed', 'skipped', 'seconds'];
  const rows = outcomes.map((o) => [o.name, o.passed, o.failed, o.skipped, o.seconds.toFixed(1)]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => String(row[column]).length)),
  );
  const format = (row) =>
    row
      .map((cell, i) =>
        i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]),
      )
      .join('  ');
  const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const [passed, failed, left] = [sum('passed'), sum('failed'), sum('skipped')];
  const last = `${passed} passed, ${failed} failed${left > 0 ? `, ${left} skipped` : ''}`;
  return {text: ['', format(header), ...rows.map(format), '', last].join('\n'), failed};
}
