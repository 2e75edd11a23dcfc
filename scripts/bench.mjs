/** `npm run bench`: sets up what is missing, then runs `benchmarks/run.ts` (`-- --help` for its flags). */
import {spawn} from 'node:child_process';
import path from 'node:path';
import {ensurePackages, ensureTensorFlow, root} from './bootstrap.mjs';

ensurePackages();
ensureTensorFlow();
const child = spawn(
  process.execPath,
  ['--import', 'tsx', path.join('benchmarks', 'run.ts'), ...process.argv.slice(2)],
  {cwd: root, stdio: 'inherit'},
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
