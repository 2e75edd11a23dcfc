/** Runs that an earlier version began, before some of the settings existed. */
import {cp, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {agreementHash, type Agreement} from '../../src/cli/run/agreement.js';
import {runCli} from './support/run_cli.js';
import {TINY, tensorsOf, tinyFolder} from './support/tiny_run.js';

type Sections = Record<string, Record<string, unknown>>;

describe('a run of an earlier version', () => {
  let folder: string;
  const file = (name: string, ...parts: string[]) => path.join(folder, 'runs', name, ...parts);
  const state = ['checkpoints', 'step-000003', 'trainer_state.json'];
  const read = async <T>(...where: [string, ...string[]]) =>
    JSON.parse(await readFile(file(...where), 'utf8')) as T;
  const edit = async <T>(name: string, parts: string[], change: (json: T) => unknown) => {
    const json = await read<T>(name, ...parts);
    await change(json);
    await writeFile(file(name, ...parts), JSON.stringify(json, null, 2));
  };
  /** A copy of the run as it stood after step 3. */
  const stopped = async (name: string) => {
    await cp(file('whole'), file(name), {recursive: true});
    await rm(file(name, 'checkpoints', 'step-000006'), {recursive: true});
  };
  const resume = (name: string) => runCli(['train', '--name', name, '--resume'], folder);
  const expectSame = async (name: string) => {
    const {code, output} = await resume(name);
    expect(code).withContext(output).toBe(0);
    expect(output).toContain('going on after step 3');
    const last = ['checkpoints', 'step-000006'];
    expect(await tensorsOf(file(name, ...last))).toEqual(await tensorsOf(file('whole', ...last)));
  };
  /** Takes settings away that have defaults. */
  const age = (sections: Sections) => {
    delete sections.pipeline.activationStorage;
    delete sections.compression.offsetRange;
    delete sections.model.boundaryStart;
  };

  beforeAll(async () => {
    folder = await tinyFolder();
    const settings = ['--steps', '6', '--checkpoint-every', '3', '--backend', 'cpu'];
    const args = ['train', '--name', 'whole', '--processes', '1', ...TINY, ...settings];
    const {code, output} = await runCli(args, folder);
    expect(code).withContext(output).toBe(0);
  });
  afterAll(async () => {
    await rm(folder, {recursive: true});
  });

  it('goes on with the defaults of settings that came since', async () => {
    await stopped('aged');
    await edit('aged', ['config.json'], age);
    await edit<{run: {agreed: {settings: Sections}}}>('aged', state, ({run}) =>
      age(run.agreed.settings),
    );
    // The model's settings, as a release before `offsetRange` wrote them.
    await edit<Sections>('aged', ['checkpoints', 'step-000003', 'config.json'], ({mapl}) => {
      delete mapl.offsetRange;
    });
    await expectSame('aged');
    const config = await read<Sections>('aged', 'config.json');
    expect(config.pipeline.activationStorage).toBe('float32');
  });

  it('goes on from a checkpoint that has a hash in place of settings', async () => {
    await stopped('hashed');
    await edit('hashed', ['config.json'], age);
    type State = {run: {agreed?: Agreement; configHash?: string}};
    await edit<State>('hashed', state, async ({run}) => {
      age(run.agreed!.settings as unknown as Sections);
      run.configHash = await agreementHash(run.agreed!);
      delete run.agreed;
    });
    await expectSame('hashed');
    await stopped('other-hash');
    await edit<State>('other-hash', state, ({run}) => {
      delete run.agreed;
      run.configHash = 'other';
    });
    const {code, output} = await resume('other-hash');
    expect(code).toBe(1);
    expect(output).toMatch(/written by a run with other settings or other text/);
  });

  it('is refused by the name of a setting that is no more', async () => {
    await stopped('gone');
    await edit<Sections>('gone', ['config.json'], ({pipeline}) => (pipeline.echo = 1));
    const {code, output} = await resume('gone');
    expect(code).toBe(1);
    expect(output).toMatch(/config\.json:\s+unknown key 'pipeline\.echo'/);
    expect(output).toContain('go on with the version that wrote it');
  });

  it('is refused by the name of a setting that was edited since', async () => {
    await stopped('edited');
    await edit<Sections>('edited', ['config.json'], ({training}) => (training.clipNorm = 0.5));
    const {code, output} = await resume('edited');
    expect(code).toBe(1);
    expect(output).toMatch(/other settings or other text[^]*training\.clipNorm was 0, now 0\.5/);
  });
});
