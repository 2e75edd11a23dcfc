/** The Python environment of the PyTorch peer, made once under `.cache/venv`. */
import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';

const PACKAGES = ['torch==2.13.0', 'transformers==5.23.0'];

/**
 * Makes the environment if need be: a few minutes, once.
 *
 * @returns path of its Python
 * @throws Error that says what is missing
 */
export async function torchPython(root: string): Promise<string> {
  const venv = path.join(root, '.cache', 'venv');
  const python = path.join(venv, 'bin', 'python');
  const done = path.join(venv, `${PACKAGES.join(' ')}.done`);
  if (existsSync(python) && existsSync(done)) return python;
  rmSync(venv, {recursive: true, force: true});
  mkdirSync(path.dirname(venv), {recursive: true});
  console.error(`making .cache/venv with ${PACKAGES.join(' ')} …`);
  try {
    await run('python3', ['-m', 'venv', venv]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--no-input', ...PACKAGES]);
    await run(python, ['-c', 'import torch, transformers']);
  } catch (error) {
    rmSync(venv, {recursive: true, force: true});
    throw new Error(`PyTorch could not be installed: ${(error as Error).message}`, {cause: error});
  }
  writeFileSync(done, '');
  return python;
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {stdio: ['ignore', 'ignore', 'pipe']});
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', () => reject(new Error(`${command} is missing`)));
    child.on('close', (code) => {
      if (code === 0) return resolve();
      reject(new Error(errors.trim().split('\n').at(-1) || `${command} ended with ${code}`));
    });
  });
}
