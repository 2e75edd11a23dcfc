/** Names of runs. */
import {mkdtempSync, rmSync} from 'node:fs';
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
});
