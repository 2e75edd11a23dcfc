/**
 * `node scripts/python_with_torch.mjs <file.py> [flags]`: runs it with the first Python that has PyTorch: `PYTHON`, python3,
 * or the one that the benchmarks set up. Without any it says so in one line and ends well.
 */
import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {root} from './bootstrap.mjs';

const [file, ...flags] = process.argv.slice(2);
const candidates = [process.env.PYTHON, 'python3', path.join(root, '.cache/venv/bin/python')];
const python = candidates
  .filter((name) => name != null)
  .find((name) => spawnSync(name, ['-c', 'import torch'], {stdio: 'ignore'}).status === 0);
if (python == null) {
  console.log(`${file}: skipped, no Python with PyTorch is found (set PYTHON)`);
} else {
  const {status} = spawnSync(python, [file, ...flags], {cwd: root, stdio: 'inherit'});
  process.exitCode = status ?? 1;
}
