/** Runs every `js` block of README.md as a user would: a file beside an installed `tfjs-mapl`. */
import {execFile} from 'node:child_process';
import {mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const snippets = [
  ...readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g),
];

describe('README', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'tfjs-mapl-readme-'));
    const modules = path.join(folder, 'node_modules');
    mkdirSync(modules);
    symlinkSync(root, path.join(modules, 'tfjs-mapl'));
    symlinkSync(path.join(root, 'node_modules/@tensorflow'), path.join(modules, '@tensorflow'));
  });

  afterAll(() => rmSync(folder, {recursive: true}));

  it('has examples', () => expect(snippets.length).toBeGreaterThan(0));

  for (const [index, [, code]] of snippets.entries()) {
    it(`example ${index + 1} runs`, async () => {
      const file = path.join(folder, `example_${index}.mjs`);
      writeFileSync(file, code);
      const {stdout, stderr} = await promisify(execFile)(process.execPath, [file], {cwd: folder});
      expect(stdout).withContext(stderr).not.toBe('');
    });
  }
});
