import {cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {getMethod, methodNames} from '../../src/codecs/methods/index.js';
import {configSections} from '../../src/cli/config/schema.js';
import {makeProgram} from '../../src/cli/program.js';
import {fixturePath} from '../support/fixture_path.js';

/** Runs a command line in this process; gives what commander wrote. */
async function run(args: string[]): Promise<string> {
  const program = await makeProgram();
  let output = '';
  for (const command of [program, ...program.commands]) {
    command.configureOutput({
      writeOut: (text) => (output += text),
      writeErr: (text) => (output += text),
    });
  }
  try {
    await program.parseAsync(args, {from: 'user'});
  } catch (error) {
    throw new Error(`${output}${(error as Error).message}`);
  }
  return output;
}

/** The help of a command, which ends the parsing. */
const helpOf = (...args: string[]) =>
  run([...args, '--help']).catch((error: Error) => error.message);

describe('program', () => {
  const commands = ['demo', 'train', 'eval', 'generate', 'inspect', 'setup', 'doctor'];

  it('lists all commands, the internal one not', async () => {
    const help = await helpOf();
    for (const command of commands) expect(help).toMatch(new RegExp(`^ +${command} `, 'm'));
    expect(help).not.toMatch(/^ +stage /m);
  });

  for (const command of commands) {
    it(`has help with examples for ${command}`, async () => {
      const help = await helpOf(command);
      expect(help).toContain(`Usage: tfjs-mapl ${command}`);
      expect(help).toContain('Examples:');
      expect(help).toContain(`$ tfjs-mapl ${command}`);
    });
  }

  it('has a flag for every setting of a run', async () => {
    const help = await helpOf('train');
    for (const schema of Object.values(configSections)) {
      for (const key of Object.keys(schema.shape)) {
        const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        expect(help).toMatch(new RegExp(`--${flag}\\b`));
      }
    }
  });

  it('says what each compression method is', async () => {
    const help = await helpOf('train');
    for (const name of methodNames()) expect(help).toContain(getMethod(name).summary);
  });

  it('suggests the nearest command and flag', async () => {
    await expectAsync(run(['trian'])).toBeRejectedWithError(/Did you mean train\?/);
    await expectAsync(run(['train', '--stepz', '5'])).toBeRejectedWithError(
      /unknown option '--stepz'[^]*Did you mean --steps\?/,
    );
  });
});

describe('program, wrong use', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'mapl-program-'));
    await writeFile(path.join(folder, 'empty.txt'), ' \n');
    await writeFile(path.join(folder, 'words.txt'), 'The sea was calm. '.repeat(2000));
    await writeFile(path.join(folder, 'short.txt'), 'Too short a text.');
    await mkdir(path.join(folder, 'runs', 'old'), {recursive: true});
    await writeFile(path.join(folder, 'runs', 'old', 'config.json'), '{}');
    await mkdir(path.join(folder, 'runs', 'torn'));
    await writeFile(path.join(folder, 'runs', 'torn', 'config.json'), '{"model":');
    await mkdir(path.join(folder, 'bad'));
    await writeFile(path.join(folder, 'bad', 'config.json'), '{"model_type": "gpt2"}');
    await cp(fixturePath('llama'), path.join(folder, 'cut'), {recursive: true});
    await truncate(path.join(folder, 'cut', 'model.safetensors'), 100_000);
    await cp(fixturePath('llama'), path.join(folder, 'wider'), {recursive: true});
    const config = await readFile(path.join(folder, 'wider', 'config.json'), 'utf8');
    await writeFile(path.join(folder, 'wider', 'config.json'), config.replace('176', '180'));
    await cp(fixturePath('llama'), path.join(folder, 'ranked'), {recursive: true});
    await writeFile(
      path.join(folder, 'ranked', 'config.json'),
      JSON.stringify({...(JSON.parse(config) as object), mapl: {stages: 2, rank: 8}}),
    );
    await writeFile(path.join(folder, 'unknown.yaml'), 'training:\n  learningRate: 1\n');
  });
  afterAll(async () => {
    await rm(folder, {recursive: true});
  });

  const refused: Array<[string, string, RegExp]> = [
    ['a run that exists', 'train --name old', /There is a run 'old' .*--resume.*--force/],
    [
      'to resume what is not there',
      'train --name no --resume',
      /There is no run 'no' .* to resume/,
    ],
    ['to resume a damaged run', 'train --name torn --resume', /torn\/config\.json' cannot be read/],
    ['to resume and replace', 'train --resume --force', /give one of them/],
    [
      'to resume with other settings',
      'train --name old --resume --seed 5 --steps 7',
      /training\.steps was 600, now 7\s+training\.seed was 0, now 5/,
    ],
    ['a name that is no folder', 'train --name ../x', /The run's name is '\.\.\/x'/],
    ['text that is not there', 'train --text FOLDER/none.txt', /no file or folder '.*none\.txt'/],
    ['empty text', 'train --text FOLDER/empty.txt', /The text is empty/],
    ['text shorter than the context', 'train --text FOLDER/short.txt', /a sequence needs 129/],
    [
      'a tokenizer that is none',
      'train --tokenizer FOLDER/none',
      /there is no '.*tokenizer\.json'/,
    ],
    ['rank above d', 'train --rank 200', /compression\.rank is 200/],
    ['an unknown backend', 'train --backend tpu', /backend\.backend is "tpu"/],
    [
      'an unknown key in a file',
      'train --config FOLDER/unknown.yaml',
      /unknown key 'training\.learningRate': did you mean 'training\.(muon|adamw)LearningRate'/,
    ],
    ['stages that begin at no layer', 'train --stages embed', /'embed' cannot begin stage 1/],
    ['a model that is not there', 'eval FOLDER/none', /no folder '.*none' to read a model from/],
    [
      'a folder that is no model',
      'generate FOLDER/runs/old',
      /is no model: expected a Hugging Face/,
    ],
    ['another kind of model', 'inspect FOLDER/bad', /gpt2/],
    ['truncated weights', 'inspect FOLDER/cut', /cut\/model\.safetensors is truncated/],
    [
      'weights of another model',
      'inspect FOLDER/wider',
      /has shape \[176, 64\], expected \[180, 64\]/,
    ],
    [
      'what only --energy needs',
      'inspect FOLDER/cut --tokens 5',
      /--tokens has .* with --energy only/,
    ],
    ['a rank with --energy', 'inspect FOLDER/cut --energy --rank 4', /--rank has no effect/],
    ['a second rank', 'inspect FOLDER/ranked --rank 4', /has boundaries already, of rank 8/],
    ['a number that is none', 'generate x --max-tokens many', /expected a whole number/],
    ['a split that is none', 'eval FOLDER/bad --split some', /--split is 'some'/],
    ['a stage by hand', 'stage', /is started by 'tfjs-mapl train'/],
    ['--gpu with --cpu', 'setup --gpu --cpu', /exclude each other/],
  ];
  for (const [what, line, message] of refused) {
    it(`refuses ${what}`, async () => {
      const args = line.replaceAll('FOLDER', folder).split(' ');
      if (args[0] === 'train') args.push('--runs', path.join(folder, 'runs'));
      await expectAsync(run(args)).toBeRejectedWithError(message);
    });
  }

  it('keeps the run that --force was to replace when the new one cannot start', async () => {
    const old = path.join(folder, 'runs', 'old');
    for (const wrong of [
      ['--tokenizer', path.join(folder, 'none')],
      ['--text', path.join(folder, 'words.txt'), '--initial-model', path.join(folder, 'none')],
    ]) {
      const small = ['--backend', 'cpu', '--processes', '1', '--batch-size', '4'];
      const args = ['train', '--name', 'old', '--force', '--runs', path.join(folder, 'runs')];
      await expectAsync(run([...args, ...small, ...wrong])).toBeRejectedWithError(/there is no/i);
      expect(await readdir(old)).toEqual(['config.json']);
    }
  });
});
