/**
 * Remakes assets/tokenizer/: `node scripts/train_tokenizer.mjs`.
 *
 * Writes the training part of the demo's text (nothing held out) to a temporary file, makes a Python
 * virtual environment with the pinned PyPI package `tokenizers` under build/, and runs
 * train_tokenizer.py. The result is the same bytes every time.
 */
import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {register} from 'tsx/esm/api';

const TOKENIZERS = 'tokenizers==0.23.3';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
register();
const {demoCorpus} = await import('../src/data/demo_corpus.ts');
const {splitDocuments} = await import('../src/data/split_documents.ts');
const {DEMO_SHARES} = await import('../src/data/demo_shares.ts');

const build = path.join(root, 'build', 'tokenizer');
mkdirSync(build, {recursive: true});
const {train} = splitDocuments(await demoCorpus(console.log), DEMO_SHARES);
const text = path.join(build, 'train.txt');
writeFileSync(text, train.map((document) => document.text).join('\n\n'));

const venv = path.join(build, 'venv');
const python = path.join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const run = (command, args) => execFileSync(command, args, {stdio: 'inherit'});
if (!existsSync(python))
  run(process.platform === 'win32' ? 'python' : 'python3', ['-m', 'venv', venv]);
run(python, ['-m', 'pip', 'install', '--quiet', TOKENIZERS]);
run(python, [
  path.join(root, 'scripts', 'train_tokenizer.py'),
  text,
  path.join(root, 'assets', 'tokenizer'),
]);
