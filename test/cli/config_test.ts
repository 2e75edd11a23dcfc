import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Command} from 'commander';
import {addConfigFlags, configFromOptions} from '../../src/cli/config/flags.js';
import {settingDifferences} from '../../src/cli/config/compare_config.js';
import {listSettings, parseConfig, readSettings} from '../../src/cli/config/load_config.js';
import type {RunConfig, RunConfigInput} from '../../src/cli/config/schema.js';
import {parseStored} from '../../src/cli/config/stored_config.js';
import {validPaths} from '../../src/cli/config/unknown_keys.js';

describe('configuration', () => {
  it('has the reference run as its defaults', () => {
    const {model, pipeline, compression, training} = parseConfig({});
    expect([model.hiddenSize, model.layers, model.heads, compression.rank]).toEqual([
      128, 4, 4, 32,
    ]);
    expect([pipeline.stages, pipeline.microbatches, pipeline.wire]).toEqual([4, 4, 'bfloat16']);
    expect([training.batchSize, training.context]).toEqual([32, 128]);
    expect(training.muonLearningRate / training.projectorLearningRate).toBeCloseTo(10, 12);
    expect(pipeline.schedule).toBe('1f1b');
  });

  it('is read from a run of an earlier version as it was then', () => {
    const stored = (change: (config: RunConfig) => void, input: RunConfigInput = {}) => {
      const config = JSON.parse(JSON.stringify(parseConfig(input))) as RunConfig;
      change(config);
      return parseStored(config, 'the run');
    };
    const age = (config: Partial<RunConfig>) => {
      delete (config.pipeline as {activationStorage?: string}).activationStorage;
      delete (config.model as {embeddingRange?: number | null}).embeddingRange;
    };
    expect(stored(() => {})).toEqual(parseConfig({}));
    const old = stored(age);
    const keys = settingDifferences(old, parseConfig({})).map(({key}) => key);
    expect(keys).toEqual(['model.embeddingRange', 'compression.anchorStart']);
    expect([old.model.embeddingRange, old.compression.anchorStart]).toEqual([0.02, 'zeros']);
    expect(stored(age, {compression: {method: 'none'}}).compression.anchorStart).toBeNull();
    expect(stored(age, {model: {tieEmbeddings: true}}).model.embeddingRange).toBeNull();
    const oneRate = (config: Partial<RunConfig>) => {
      delete (config.training as {embeddingLearningRate?: number | null}).embeddingLearningRate;
      delete (config.training as {anchorLearningRate?: number | null}).anchorLearningRate;
    };
    const {training} = stored(oneRate, {training: {adamwLearningRate: 0.003}});
    expect([training.embeddingLearningRate, training.anchorLearningRate]).toEqual([0.003, 0.003]);
    const gone = (config: object) => Object.assign(config, {wires: {}});
    expect(() => stored(gone)).toThrowError(/In the run:\s+unknown key 'wires'[^]*start a new run/);
  });

  it('comes through JSON unchanged', () => {
    const config = parseConfig({training: {steps: 7}, pipeline: {stages: ['model.layers.2']}});
    expect(parseConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    expect(listSettings(config).length).toBe(validPaths().filter((p) => p.includes('.')).length);
  });

  const refused: Array<[string, unknown, RegExp]> = [
    [
      'a misspelt key',
      {training: {step: 5}},
      /unknown key 'training\.step': did you mean 'training\.steps'/,
    ],
    [
      'a key of another section',
      {training: {rank: 5}},
      /'training\.rank': did you mean 'compression\.rank'/,
    ],
    ['a misspelt section', {modell: {}}, /unknown key 'modell': did you mean 'model'/],
    ['a key outside its section', {hidenSize: 8}, /'hidenSize': did you mean 'model\.hiddenSize'/],
    ['a word for a number', {training: {steps: 'many'}}, /training\.steps is "many"/],
    ['no steps', {training: {steps: 0}}, /training\.steps is 0/],
    ['half a step', {training: {steps: 1.5}}, /training\.steps is 1\.5/],
    ['endless steps', {training: {steps: Infinity}}, /training\.steps is Infinity/],
    ['a negative rate', {training: {muonLearningRate: -1}}, /muonLearningRate is -1/],
    ['an unknown schedule', {pipeline: {schedule: '1b1f'}}, /pipeline\.schedule is "1b1f".*1f1b/],
    [
      'rank above d',
      {compression: {rank: 256}},
      /compression\.rank is 256, more than model\.hiddenSize \(128\)/,
    ],
    [
      'an unknown method',
      {compression: {method: 'mapel'}},
      /compression\.method is "mapel": unknown compression method.*Did you mean 'mapl'/,
    ],
    [
      'a setting that the method has not',
      {compression: {method: 'int8', anchors: 'full'}},
      /compression\.anchors is "full", but the method 'int8' has no such setting/,
    ],
    [
      'an unknown codec of a leg',
      {compression: {forward: {codec: 'int9'}}},
      /unknown leg codec 'int9'\. Did you mean 'int8'/,
    ],
    [
      'an unknown option of a codec',
      {compression: {backward: 'int8:stochastik'}},
      /'int8' has no option 'stochastik'\. Did you mean 'stochastic'/,
    ],
    [
      'a codec without a name',
      {compression: {forward: {groups: 8}}},
      /compression\.forward is \{"groups":8\}: expected the name of a codec/,
    ],
    ['an unreadable codec', {compression: {forward: 'a:b:c'}}, /'a:b:c' is no codec of a leg/],
    ['rank zero', {compression: {rank: 0}}, /compression\.rank is 0/],
    [
      'fewer layers than stages',
      {model: {layers: 3}},
      /model\.layers is 3.*4 stages.*at most 3 stages/,
    ],
    [
      'microbatches that do not divide',
      {pipeline: {microbatches: 5}},
      /training\.batchSize is 32, not a multiple of pipeline\.microbatches \(5\)/,
    ],
    [
      'a context beyond the model',
      {training: {context: 256}},
      /training\.context is 256, longer than model\.maxContext \(128\)/,
    ],
    [
      'heads that do not divide',
      {model: {heads: 3}},
      /hiddenSize is 128, not a multiple of model\.heads \(3\)/,
    ],
    ['odd heads', {model: {hiddenSize: 12}}, /model\.hiddenSize \/ model\.heads is 3; .*even/],
    [
      'key heads that do not divide',
      {model: {keyValueHeads: 3}},
      /model\.heads is 4.*keyValueHeads \(3\)/,
    ],
    [
      'three processes for four stages',
      {pipeline: {processes: 3}},
      /processes is 3; use 1 .* or 4/,
    ],
    ['nothing to train on', {data: {validationShare: 0.6, testShare: 0.4}}, /nothing to train on/],
    [
      'overlapping schedules',
      {training: {warmup: 0.6}},
      /warmup \(0\.6\) and training\.decay \(0\.5\) overlap/,
    ],
    [
      'stages in another order than the layers',
      {pipeline: {stages: ['model.layers.2', 'model.layers.1']}},
      /'model\.layers\.1' cannot begin stage 2; expected a layer from model\.layers\.3/,
    ],
    ['a list', [1], /expected an object with the sections model, pipeline/],
  ];
  for (const [name, settings, message] of refused) {
    it(`refuses ${name}`, () => {
      expect(() => parseConfig(settings)).toThrowError(message);
    });
  }

  it('names all problems at once', () => {
    expect(() => parseConfig({model: {layers: 2}, compression: {rank: 999}})).toThrowError(
      /rank is 999[^]*layers is 2/,
    );
  });
});

describe('configuration files and flags', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mapl-config-'));
  });
  afterEach(async () => {
    await rm(folder, {recursive: true});
  });

  const parse = (...args: string[]) => {
    const command = addConfigFlags(new Command()).exitOverride();
    command.configureOutput({writeErr: () => undefined});
    command.parse(args, {from: 'user'});
    return configFromOptions(command.opts());
  };

  it('are JSON or YAML, and flags come on top', async () => {
    const yaml = join(folder, 'run.yaml');
    await writeFile(yaml, 'training:\n  steps: 50\n  seed: 3\npipeline:\n  stages: 2\n');
    const json = join(folder, 'run.json');
    await writeFile(json, '{"training": {"steps": 50, "seed": 3}, "pipeline": {"stages": 2}}');
    for (const file of [yaml, json]) {
      const config = await parse('--config', file, '--steps', '60', '--tie-embeddings');
      expect([config.training.steps, config.training.seed]).toEqual([60, 3]);
      expect(config.pipeline.stages).toBe(2);
      expect(config.model.tieEmbeddings).toBeTrue();
    }
  });

  it('take lists, names of layers, switches off and null', async () => {
    const config = await parse(
      ...['--text', 'a.txt', 'b.txt', '--stages', 'model.layers.1,model.layers.3'],
      ...['--no-tie-embeddings', '--anchor-rank', 'null', '--adamw-learning-rate', '1e-3'],
    );
    expect(config.data.text).toEqual(['a.txt', 'b.txt']);
    expect(config.pipeline.stages).toEqual(['model.layers.1', 'model.layers.3']);
    expect(config.model.tieEmbeddings).toBeFalse();
    expect(config.compression.anchorRank).toBeNull();
    expect(config.training.adamwLearningRate).toBe(0.001);
  });

  it('take codecs of legs as words, in files also as objects', async () => {
    const yaml = join(folder, 'run.yaml');
    await writeFile(yaml, 'compression:\n  forward: {codec: int4, group: 64}\n  backward: int8\n');
    const file = await parse('--config', yaml);
    expect(file.compression.forward).toEqual({codec: 'int4', group: 64});
    expect(file.compression.backward).toEqual({codec: 'int8'});
    const flags = await parse(
      ...['--config', yaml, '--forward', 'int8:stochastic', '--backward', 'null'],
    );
    expect(flags.compression.forward).toEqual({codec: 'int8', stochastic: true});
    expect(flags.compression.backward).toBeNull();
  });

  it('have the same messages for flags', async () => {
    await expectAsync(parse('--rank', '512')).toBeRejectedWithError(/compression\.rank is 512/);
    await expectAsync(parse('--steps', 'ten')).toBeRejectedWithError(/training\.steps is "ten"/);
  });

  it('name what is missing or broken', async () => {
    await expectAsync(readSettings(join(folder, 'no.yaml'))).toBeRejectedWithError(
      /no configuration file '.*no\.yaml'/,
    );
    await writeFile(join(folder, 'bad.json'), '{"training": ');
    await expectAsync(readSettings(join(folder, 'bad.json'))).toBeRejectedWithError(/is not JSON/);
    await writeFile(join(folder, 'bad.yaml'), 'a: [1');
    await expectAsync(readSettings(join(folder, 'bad.yaml'))).toBeRejectedWithError(/is not YAML/);
    await writeFile(join(folder, 'bare.yaml'), 'model:\n  # layers: 8\ntraining:\n  steps: 3\n');
    expect((await parse('--config', join(folder, 'bare.yaml'))).training.steps).toBe(3);
    await writeFile(join(folder, 'list.yaml'), '- 1\n');
    await expectAsync(readSettings(join(folder, 'list.yaml'))).toBeRejectedWithError(
      /should hold sections/,
    );
    await writeFile(join(folder, 'typo.yaml'), 'training:\n  stpes: 5\n');
    await expectAsync(parse('--config', join(folder, 'typo.yaml'))).toBeRejectedWithError(
      /In '.*typo\.yaml' and the flags:\s+unknown key 'training\.stpes': did you mean 'training\.steps'/,
    );
  });
});
