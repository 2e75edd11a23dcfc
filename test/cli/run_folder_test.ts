/** Names of runs. */
import {existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {defaultRunName, RunFolder} from '../../src/cli/run/run_folder.js';
import {methodNames} from '../../src/codecs/methods/index.js';

describe('RunFolder', () => {
  let runs: string;
  beforeEach(() => {
    runs = mkdtempSync(path.join(os.tmpdir(), 'mapl-runs-'));
  });
  afterEach(() => rmSync(runs, {recursive: true, force: true}));

  it('takes the name that a run of any method gets by default', () => {
    const names = methodNames().map((method) => defaultRunName(method, 3));
    for (const name of names) {
      expect(RunFolder.open(runs, name, 'refuse').path).toBe(path.join(runs, name));
    }
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('mapl-rvq-seed3');
  });

  it('refuses names that are no folder names', () => {
    for (const name of ['a/b', 'mapl+rvq', '', '..']) {
      expect(() => RunFolder.open(runs, name, 'refuse')).toThrowError(/use letters, digits, dots/);
    }
  });

  describe('that is to replace another', () => {
    const write = (name: string, file: string) => {
      mkdirSync(path.join(runs, name), {recursive: true});
      writeFileSync(path.join(runs, name, file), 'old');
    };

    it('leaves it alone until it is set aside, and puts it back', () => {
      write('a', 'config.json');
      const run = RunFolder.open(runs, 'a', 'replace');
      expect(readdirSync(run.path)).toEqual(['config.json']);
      run.setAside();
      expect(existsSync(run.path)).toBeFalse();
      write('a', 'metrics.jsonl');
      run.putBack();
      expect(readdirSync(run.path)).toEqual(['config.json']);
      run.setAside();
      run.forgetReplaced();
      run.putBack();
      expect(readdirSync(runs)).toEqual([]);
    });

    it('finds it again after it was killed before it had come up', () => {
      write('a', 'config.json');
      RunFolder.open(runs, 'a', 'replace').setAside();
      write('a', 'metrics.jsonl');
      expect(() => RunFolder.open(runs, 'a', 'refuse')).toThrowError(/There is a run 'a'/);
      expect(readdirSync(runs)).toEqual(['a']);
      expect(readdirSync(path.join(runs, 'a'))).toEqual(['config.json']);
    });

    it('refuses a folder with files that are not those of a run', () => {
      write('src', 'index.ts');
      for (const existing of ['refuse', 'replace'] as const) {
        expect(() => RunFolder.open(runs, 'src', existing)).toThrowError(
          /something in it that no run writes: 'index.ts'/,
        );
      }
    });
  });
});
