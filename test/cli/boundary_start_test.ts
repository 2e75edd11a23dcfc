import {existsSync} from 'node:fs';
import {readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import {runCli} from './support/run_cli.js';
import {stepsOf, TINY, tinyFolder} from './support/tiny_run.js';

/** Two stages in one process. */
const HERE = [
  ...TINY,
  '--backend',
  'cpu',
  '--stages',
  '2',
  '--processes',
  '1',
  '--validate-every',
  '0',
];

/** Loss of a run's first step, before anything was updated. */
async function firstLoss(run: string): Promise<number> {
  const [first] = (await stepsOf(run)) as Array<{loss: number}>;
  return first.loss;
}

describe('train from a model without boundaries', () => {
  let folder: string;
  const train = async (...args: string[]) => {
    const {code, output} = await runCli(['train', ...HERE, ...args], folder);
    expect(code).withContext(output).toBe(0);
    return output;
  };

  beforeAll(async () => {
    folder = await tinyFolder();
    await train('--method', 'none', '--name', 'whole', '--steps', '20', '--decay', '0');
  });
  afterAll(() => rm(folder, {recursive: true}));

  it('fits boundaries to it, which lose less than random ones', async () => {
    const from = ['--initial-model', 'runs/whole', '--steps', '2', '--checkpoint-every', '1'];
    const output = await train(...from, '--name', 'fitted');
    expect(output).toContain('fitting boundaries to whole');
    expect(output).toMatch(/mapl\.boundaries\.0 keeps \d+\.\d % of the residual/);
    const random = await train(...from, '--name', 'random', '--boundary-start', 'random');
    expect(random).not.toContain('fitting');
    const [fitted, other] = await Promise.all(
      ['fitted', 'random'].map((name) => firstLoss(path.join(folder, 'runs', name))),
    );
    expect(fitted).toBeLessThan(other);
    const config = await readFile(path.join(folder, 'runs/fitted/start/config.json'), 'utf8');
    expect(JSON.parse(config)).toEqual(jasmine.objectContaining({mapl: jasmine.anything()}));
  });

  it('goes on from checkpoints alone, and from a model with boundaries as they are', async () => {
    const start = path.join(folder, 'runs/fitted/start');
    await rm(start, {recursive: true});
    const resumed = await train('--name', 'fitted', '--resume', '--steps', '2');
    expect(resumed).not.toContain('fitting');
    expect(existsSync(start)).toBeFalse();
    const again = await train('--initial-model', 'runs/fitted', '--name', 'again', '--steps', '1');
    expect(again).not.toContain('fitting');
  });
});
