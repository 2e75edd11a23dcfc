/** `npm run study`: sets everything up, then compares methods over seeds (benchmarks/study). */
import {spawn} from 'node:child_process';
import path from 'node:path';
import {ensurePackages, ensureTensorFlow, root} from './bootstrap.mjs';

ensurePackages();
ensureTensorFlow();
const main = path.join(root, 'benchmarks', 'study', 'main.ts');
const child = spawn(process.execPath, ['--import', 'tsx', main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
