/** `npm run demo`: sets everything up, then trains on English text with and without compression. */
import {spawn} from 'node:child_process';
import {ensureBuild, ensurePackages, ensureTensorFlow, root} from './bootstrap.mjs';

ensurePackages();
ensureTensorFlow();
ensureBuild();
const child = spawn(process.execPath, ['dist/cli.js', 'demo', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
