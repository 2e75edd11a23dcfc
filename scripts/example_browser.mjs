/**
 * `npm run example:browser [-- --port 8080]`: builds the page that trains and serves it. Other options are sirv's
 * (`--host` to be reached from other machines: WebGPU needs https there).
 */
import {spawn} from 'node:child_process';
import path from 'node:path';
import {ensurePackages, root} from './bootstrap.mjs';

ensurePackages();
const {buildPage} = await import('../examples/browser/build.mjs');
const folder = path.join(root, 'build', 'examples', 'browser');
console.log('building the page …');
await buildPage(folder);
console.log(`static files: ${path.relative(root, folder)}`);
const sirv = path.join(root, 'node_modules', 'sirv-cli', 'bin.js');
const child = spawn(
  process.execPath,
  [sirv, folder, '--dev', '--no-clear', ...process.argv.slice(2)],
  {stdio: 'inherit'},
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
