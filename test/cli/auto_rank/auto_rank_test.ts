import {existsSync} from 'node:fs';
import {readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import type {RunConfig} from '../../../src/cli/config/schema.js';
import {runCli, startCli} from '../support/run_cli.js';
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

  it('takes the least loss, which is not the most energy', async () => {
    const fast = ['--auto-rank', '--link', '100gbit', '--auto-rank-steps', '8', '--steps', '8'];
    const all = ['--validation-batches', '0', '--validation-share', '0.3'];
    const {code, output} = await train('least', ...fast, ...all);
    expect(code).withContext(output).toBe(0);
    const trials = [...output.matchAll(/^--auto-rank: (\S+),.*: validation loss (\S+);/gm)];
    expect(trials.map(([, method]) => method)).toEqual([
      ...['mapl', 'mapl-static-anchors', 'mapl-full-anchors', 'ssn', 'resbm'],
    ]);
    expect(output).toContain('trials of 8 steps end before RVQ sends its first codes');
    // Everything hides, so that energy alone would take what is not compressed.
    const rows = [...output.matchAll(/^│ ([→ ]) │ +(\S.*?) │(.*)$/gm)].slice(1);
    const table = rows.map(([, mark, label, rest]) => ({mark, label, cells: rest.split('│')}));
    expect(table.map(({label}) => label)).toContain('none');
    const losses = table.map(({cells}) => Number(cells[3]));
    const least = table[losses.indexOf(Math.min(...losses))];
    expect(least.label).not.toBe('none');
    expect(least.mark).toBe('→');
    expect(output).toContain(
      `--auto-rank takes ${least.label}: the lowest validation loss after 8 steps`,
    );
    const {compression} = await configOf('least');
    expect(least.label.startsWith(`${compression.method}, rank ${compression.rank}`)).toBeTrue();
    // A trial of as many steps is the run itself.
    expect(output).toContain(`step 8: validation loss ${Math.min(...losses).toFixed(4)} on`);
  });

  it('leaves nothing behind after Ctrl-C', async () => {
    const args = ['--name', 'cut', ...HERE, '--auto-rank', '--link', '100gbit'];
    const cli = await startCli(['train', ...args, '--auto-rank-steps', '100000'], folder);
    await cli.waitFor(/measuring the model without compression/);
    cli.child.kill('SIGINT');
    const {code, output} = await cli.ended;
    expect(code).withContext(output).toBe(130);
    expect(output).toContain('nothing was chosen, nothing was trained');
    expect(existsSync(path.join(folder, 'runs', 'cut'))).toBeFalse();
  });

  it('compresses for a slow link, and says why', async () => {
    // 64 tokens of 16 numbers: 1024 bytes a microbatch in bfloat16, 8 ms each way on such a link.
    const slow = ['--auto-rank', '--link', '1mbit,1ms', '--step-seconds', '0.1'];
    const {code, output} = await train('slow', ...slow, '--method', 'mapl');
    expect(code).withContext(output).toBe(0);
    expect(output).toMatch(/1\.00 Mbit\/s and 1 ms between 2 stages/);
    expect(output).toContain('as if it were spread evenly');
    expect(output).toMatch(/auto-rank takes \S+/);
    const {compression} = await configOf('slow');
    const label = /auto-rank takes (.*?):/.exec(output)?.[1] ?? '';
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

  it('goes on from a trained model, with boundaries fitted to it in trials and run alike', async () => {
    const whole = await train('whole', '--method', 'none');
    expect(whole.code).withContext(whole.output).toBe(0);
    const link = ['--auto-rank', '--link', '100gbit', '--auto-rank-steps', '1'];
    const fitted = ['--anchor-start', 'zeros', '--initial-model', 'runs/whole'];
    const {code, output} = await train('on', ...link, ...fitted);
    expect(code).withContext(output).toBe(0);
    expect(output).toContain('the model to start from has other weights than ssn: left out');
    const label = /auto-rank takes (.*?):/.exec(output)?.[1] as string;
    const lines = output.split('\n').filter((line) => line.includes('mapl.boundaries.0 keeps'));
    const own = lines.filter((line) => line.startsWith(label) || line.startsWith('on:'));
    expect(own.map((line) => line.split(': ')[0])).toEqual([label, 'on']);
    expect(own[1].split(': ')[1]).toBe(own[0].split(': ')[1]);
    const again = await train('again', ...link, '--initial-model', 'runs/on');
    expect(again.code).toBe(1);
    expect(again.output).toContain("'runs/on' has boundaries already; their rank is what it is");
  });

  it('asks for what it needs', async () => {
    const missing = await train('missing', '--auto-rank');
    expect(missing.code).toBe(1);
    expect(missing.output).toContain('--link 20mbit,40ms');
    const both = await train('both', '--auto-rank', '--rank', '4', '--link', '1mbit');
    expect(both.output).toContain('--rank is 4: give one of them');
    const link = ['--auto-rank', '--link', '1mbit'];
    const less = await train('less', ...link, '--auto-rank-steps', '-5');
    expect(less.code).toBe(1);
    expect(less.output).toMatch(/--auto-rank-steps.*'-5' is invalid.*0 or more/);
    const plain = await train('plain', ...link, '--method', 'int4');
    expect(plain.output).toContain("'int4', which has no rank to choose");
    const useless = await train('useless', '--auto-rank-steps', '5');
    expect(useless.output).toContain('--auto-rank-steps says how --auto-rank chooses');
  });
});
