/** `npm run example:node -- <name> [options]`: sets up what a fresh clone lacks, then runs `examples/node/<name>.js`. */
import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import path from 'node:path';
import {ensureBuild, ensurePackages, root} from './bootstrap.mjs';

const folder = path.join(root, 'examples', 'node');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && file !== 'common.js')
  .map((file) => path.basename(file, '.js'));
const [name, ...args] = process.argv.slice(2);
if (!names.includes(name)) {
  console.error(
    `npm run example:node -- <name>, one of:\n${names.map((n) => `  ${n}`).join('\n')}`,
  );
  process.exit(1);
}
ensurePackages();
ensureBuild();
const child = spawn(process.execPath, [path.join(folder, `${name}.js`), ...args], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
