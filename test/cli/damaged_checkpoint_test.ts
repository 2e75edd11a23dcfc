/** Resuming where the last checkpoint is damaged, and what a run that never started leaves behind. */
import {existsSync} from 'node:fs';
import {cp, readdir, rename, rm, truncate, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {runCli} from './support/run_cli.js';
import {TINY, tinyFolder} from './support/tiny_run.js';

describe('a damaged last checkpoint', () => {
  let folder: string;
  const checkpoints = (name: string, ...parts: string[]) =>
    path.join(folder, 'runs', name, 'checkpoints', ...parts);
  const resume = (name: string, ...more: string[]) =>
    runCli(['train', '--name', name, '--resume', '--processes', '1', ...more], folder);
  const copy = (name: string) =>
    cp(path.join(folder, 'runs', 'whole'), path.join(folder, 'runs', name), {recursive: true});

  beforeAll(async () => {
    folder = await tinyFolder();
    const settings = ['--steps', '6', '--checkpoint-every', '2', '--backend', 'cpu'];
    const args = ['train', '--name', 'whole', '--processes', '1', ...TINY, ...settings];
    const {code, output} = await runCli(args, folder);
    expect(code).withContext(output).toBe(0);
    const names = (await readdir(checkpoints('whole'))).sort();
    expect(names.slice(-2)).toEqual(['step-000004', 'step-000006']);
  });
  afterAll(async () => {
    await rm(folder, {recursive: true});
  });

  const damages: Array<[string, (checkpoint: string) => Promise<void>, RegExp]> = [
    [
      'cut off',
      (checkpoint) => truncate(path.join(checkpoint, 'model-00001-of-00004.safetensors'), 100),
      /model-00001-of-00004\.safetensors/,
    ],
    [
      'without a file',
      (checkpoint) => rm(path.join(checkpoint, 'optimizer-00002-of-00004.safetensors')),
      /optimizer-00002-of-00004\.safetensors/,
    ],
    [
      'with a state that is no JSON',
      (checkpoint) => writeFile(path.join(checkpoint, 'trainer_state.json'), '{'),
      /trainer_state\.json is not JSON/,
    ],
  ];
  for (const [what, damage, message] of damages) {
    it(`${what}: names the older one, with which the run goes on`, async () => {
      const name = what.replaceAll(' ', '-');
      await copy(name);
      const newest = checkpoints(name, 'step-000006');
      await damage(newest);
      const {code, output} = await resume(name);
      expect(code).toBe(1);
      expect(output).toMatch(message);
      expect(output).toContain(`the one before it is whole: ${checkpoints(name, 'step-000004')}.`);
      expect(output).toContain('--resume goes on after step 4');
      await rename(newest, `${newest}-damaged`);
      const again = await resume(name);
      expect(again.code).withContext(again.output).toBe(0);
      expect(again.output).toContain('going on after step 4');
    });
  }

  it('says so where no older one is whole', async () => {
    await copy('none');
    for (const step of await readdir(checkpoints('none'))) {
      await truncate(checkpoints('none', step, 'model-00001-of-00004.safetensors'), 100);
    }
    const {code, output} = await resume('none');
    expect(code).toBe(1);
    expect(output).toContain('there is no older one that is whole');
  });

  it('a run that never started leaves no folder', async () => {
    const there = existsSync(path.join(folder, 'runs', 'never'));
    expect(there).toBe(false);
    for (const wrong of [
      ['--text', path.join(folder, 'none.txt')],
      ['--stages', 'embed'],
    ]) {
      const args = ['train', '--name', 'never', '--backend', 'cpu', ...TINY, ...wrong];
      const {code} = await runCli(args, folder);
      expect(code).toBe(1);
      expect(existsSync(path.join(folder, 'runs', 'never')))
        .withContext(wrong.join(' '))
        .toBe(false);
    }
  });
});
