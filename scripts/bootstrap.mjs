/**
 * What a fresh clone needs before anything else can run, with nothing but Node's own modules: the packages of
 * package-lock.json, the `tensorflow` backend, the build in `dist/`. Does only what is missing.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, readdirSync, statSync} from 'node:fs';
import path from 'node:path';
import {installSystemPackages} from './system_packages.mjs';

export const root = path.resolve(import.meta.dirname, '..');

/** Ends the program with one line where Node is too old. */
export function requireNode(major = 20) {
  if (Number(process.versions.node.split('.')[0]) < major) {
    console.error(
      `Node ${major} or newer is needed, this is ${process.version}: https://nodejs.org`,
    );
    process.exit(1);
  }
}

/** `npm ci`, unless what is installed is what package-lock.json says. */
export function ensurePackages() {
  requireNode();
  const missing = missingPackage();
  if (missing == null) return;
  console.log(`npm ci (${missing})`);
  if (spawnSync('npm', ['ci'], {cwd: root, stdio: 'inherit'}).status !== 0) {
    console.error('npm ci failed. Nothing can run without the packages.');
    process.exit(1);
  }
}

/**
 * Sets the `tensorflow` backend up.
 *
 * @param {string[]} args for `setup`
 * @returns {{ok: boolean, reason: string}}
 */
export function ensureTensorFlow(args = []) {
  const setup = () => {
    const result = spawnSync(
      process.execPath,
      ['--import', 'tsx', path.join('src', 'cli', 'setup', 'main.ts'), ...args],
      {cwd: root, stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8'},
    );
    const lines = result.stderr.trim().split('\n');
    const reason = lines.findLast((line) => line.startsWith('setup: ')) ?? lines.at(-1);
    return {ok: result.status === 0, reason};
  };
  let result = setup();
  if (!result.ok && /(g\+\+|pip) is missing/.test(result.reason)) {
    if (installSystemPackages(['g++', 'python3-pip'])) result = setup();
  }
  if (!result.ok) {
    console.error(`The tensorflow backend is not available. ${result.reason}`);
  }
  return result;
}

/** Builds `dist/` where a source is newer. */
export function ensureBuild() {
  if (!buildNeeded()) return;
  console.log('npm run build');
  if (spawnSync('npm', ['run', '--silent', 'build'], {cwd: root, stdio: 'inherit'}).status !== 0) {
    console.error('The build failed.');
    process.exit(1);
  }
}

export function buildNeeded() {
  const targets = ['dist/tfjs-mapl.js', 'dist/cli.js', 'dist/types/index.d.ts'];
  const built = targets.map((file) => modified(path.join(root, file)));
  if (built.includes(0)) return true;
  const sources = readdirSync(path.join(root, 'src'), {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const settings = ['package.json', 'rollup.config.js', 'tsconfig.json', 'tsconfig.build.json'];
  const newest = Math.max(
    ...[...sources, ...settings.map((file) => path.join(root, file))].map(modified),
  );
  return newest > Math.min(...built);
}

function modified(file) {
  return statSync(file, {throwIfNoEntry: false})?.mtimeMs ?? 0;
}

/** npm writes its hidden lockfile when an installation is complete: compares it with ours. */
function missingPackage() {
  const hidden = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return 'no packages are installed';
  const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = read(hidden);
  for (const [name, entry] of Object.entries(read(path.join(root, 'package-lock.json')))) {
    if (name === '' || entry.optional || entry.devOptional || entry.link || entry.peer) continue;
    if (installed[name]?.version !== entry.version) {
      return `${name.replace(/^.*node_modules\//, '')} ${entry.version} is not installed`;
    }
  }
  return null;
}
