import {readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import type {RunConfig} from '../../../src/cli/config/schema.js';
import {runCli} from '../support/run_cli.js';
import {TINY, tinyFolder} from '../support/tiny_run.js';

/** Two stages in one process, the rank left open. */
const rank = TINY.indexOf('--rank');
const HERE = [
  ...[...TINY.slice(0, rank), ...TINY.slice(rank + 2)],
  ...['--backend', 'cpu', '--stages', '2', '--processes', '1', '--steps', '1'],
];

describe('train --auto-rank', () => {
  let folder: string;
  const train = (name: string, ...args: string[]) =>
    runCli(['train', '--name', name, ...HERE, ...args], folder);
  const configOf = async (name: string) =>
    JSON.parse(await readFile(path.join(folder, 'runs', name, 'config.json'), 'utf8')) as RunConfig;

  beforeAll(async () => {
    folder = await tinyFolder();
  });
  afterAll(() => rm(folder, {recursive: true}));

  it('compresses for a slow link, and says why', async () => {
    // 64 tokens of 16 numbers: 1024 bytes a microbatch in bfloat16, 8 ms each way on such a link.
    const slow = ['--auto-rank', '--link', '1mbit,1ms', '--step-seconds', '0.1'];
    const {code, output} = await train('slow', ...slow, '--method', 'mapl');
    expect(code).withContext(output).toBe(0);
    expect(output).toMatch(/1\.00 Mbit\/s and 1 ms between 2 stages/);
    expect(output).toContain('as if it were spread evenly');
    expect(output).toMatch(/auto-rank takes \S+/);
    const {compression} = await configOf('slow');
    const label = /auto-rank takes (.*?)(:|, the fastest)/.exec(output)?.[1] ?? '';
    expect(label).toBe(`mapl, rank ${compression.rank}`);
    expect(compression.rank).toBeLessThan(12);
  });

  it('takes the highest rank for a fast link, after measuring the step', async () => {
    const fast = ['--rank', 'auto', '--link', '100gbit', '--method', 'mapl'];
    const {code, output} = await train('fast', ...fast);
    expect(code).withContext(output).toBe(0);
    expect(output).toContain('of compute a step (measured)');
    expect(output).toContain('after 20 steps');
    expect((await configOf('fast')).compression.rank).toBe(12);
  });

  it('asks for what it needs', async () => {
    const missing = await train('missing', '--auto-rank');
    expect(missing.code).toBe(1);
    expect(missing.output).toContain('--link 20mbit,40ms');
    const both = await train('both', '--auto-rank', '--rank', '4', '--link', '1mbit');
    expect(both.output).toContain('--rank is 4: give one of them');
  });
});
