import {
  candidates,
  ranksFor,
  uncompressed,
  type Candidate,
} from '../../../src/cli/auto_rank/candidates.js';
import {FAMILIES} from '../../../src/cli/auto_rank/families.js';
import {parseConfig} from '../../../src/cli/config/load_config.js';
import type {RunConfig} from '../../../src/cli/config/schema.js';
import {llamaOfConfig, stageBeginnings} from '../../../src/cli/training/llama_of_config.js';
import {llama} from '../../../src/models/llama/llama.js';
import {describeSplit} from '../../../src/pipeline/index.js';

/** A run small enough to build. */
const SMALL = {
  model: {hiddenSize: 16, intermediateSize: 24, layers: 4, heads: 2, maxContext: 16},
  pipeline: {stages: 4},
  training: {context: 16},
};
const VOCABULARY = 50;

/** As the command line has it: any rank will do until one is chosen. */
const configOf = (settings: object, given: object = {}) =>
  parseConfig({...settings, compression: {...given, rank: 1}});
const listOf = (
  given: Record<string, unknown> = {},
  settings: object = {},
  vocabSize = 2048,
): Candidate[] => candidates(configOf(settings, given), given, vocabSize);
const labels = (...args: Parameters<typeof listOf>) => listOf(...args).map(({label}) => label);
const families = (...args: Parameters<typeof listOf>) => [
  ...new Set(listOf(...args).map(({family}) => family)),
];
const settingsOf = (config: RunConfig, {compression}: Candidate): RunConfig =>
  parseConfig({...config, compression: {...config.compression, ...compression}});

describe('ranksFor', () => {
  it('gives ranks of the width, each once, descending', () => {
    expect(ranksFor(128)).toEqual([96, 64, 48, 32, 24, 16, 8, 4]);
    expect(ranksFor(16)).toEqual([12, 8, 6, 4, 3, 2, 1]);
    expect(ranksFor(1)).toEqual([]);
  });
});

describe('candidates', () => {
  it('are everything that is serious', () => {
    expect(families()).toEqual([
      ...['full width', 'mapl', 'mapl+rvq', 'mapl-static-anchors', 'mapl-full-anchors'],
      ...['ssn', 'resbm'],
    ]);
    const all = labels();
    for (const label of [
      ...['none', 'int8', 'int4', 'top-k', 'mapl, rank 96, bfloat16/int4'],
      ...['mapl, rank 32, anchors 64, bfloat16/int4', 'mapl, rank 32, anchors 64, int8/int4'],
      ...['mapl+rvq, rank 4, anchors 64', 'ssn, rank 32, int8/int4'],
      'mapl-static-anchors, rank 32, bfloat16/int4',
    ]) {
      expect(all).toContain(label);
    }
  });

  it('have names of their own, and are configurations, whatever the sizes', () => {
    for (const hiddenSize of [2, 16, 96, 128]) {
      for (const stages of [2, 4, ['model.layers.1', 'model.layers.3']]) {
        const settings = {model: {hiddenSize, heads: 1}, pipeline: {stages}};
        const config = configOf(settings);
        const list = listOf({}, settings);
        expect(new Set(list.map(({label}) => label)).size).toBe(list.length);
        for (const one of list) {
          const {rank, anchorRank} = settingsOf(config, one).compression;
          const {width} = one.crossed;
          const ranked = one.family !== 'full width';
          expect(width).toBe(ranked ? rank : hiddenSize);
          if (ranked) expect(rank).toBeLessThan(hiddenSize);
          if (anchorRank !== null) expect(anchorRank).toBeGreaterThan(rank);
        }
      }
    }
  });

  it('cross what a model with them sends', () => {
    const config = configOf(SMALL);
    for (const one of listOf({}, SMALL, VOCABULARY)) {
      const own = settingsOf(config, one);
      if (one.family !== 'full width' && own.compression.rank !== 4) continue;
      const model = llama(llamaOfConfig(own, VOCABULARY));
      const [{boundary}] = describeSplit(model, {stages: stageBeginnings(own)});
      model.dispose();
      const {width, ids, projector} = one.crossed;
      expect({width, ids, projector})
        .withContext(one.label)
        .toEqual({
          width: boundary!.rank,
          ids: boundary!.ids > 0,
          projector: boundary!.projectorPerStep > 0,
        });
    }
  });

  it('train tables only as far as the model has numbers without them', () => {
    const config = configOf(SMALL);
    const count = (one: Candidate, vocabSize: number) => {
      const model = llama(llamaOfConfig(settingsOf(config, one), vocabSize));
      const parameters = model.countParams();
      model.dispose();
      return parameters;
    };
    for (const vocabSize of [50, 400, 4000]) {
      const plain = count(uncompressed(config), vocabSize);
      const tables = listOf({}, SMALL, vocabSize).filter(
        ({compression: {method, rank, anchorRank}}) =>
          rank === 2 && (method === 'mapl-full-anchors' || anchorRank != null),
      );
      // Four tables of half the width are what embedding and head are, for any vocabulary.
      expect(tables.length).withContext(`${vocabSize}`).toBeGreaterThan(0);
      for (const one of tables) {
        const projectors = 3 * 16 * 2;
        const codebooks = one.family === 'mapl+rvq' ? 3 * 2 * 256 * 8 : 0;
        expect(count(one, vocabSize) - projectors - codebooks)
          .withContext(`${one.label}, vocabulary ${vocabSize}`)
          .toBeLessThanOrEqual(2 * plain);
      }
    }
    expect(families({}, SMALL, 50)).toContain('mapl-full-anchors');
    expect(families({}, SMALL, 4000)).not.toContain('mapl-full-anchors');
    const eight = {model: {hiddenSize: 128, layers: 8}, pipeline: {stages: 8}};
    expect(labels({}, eight, 65536)).toContain('mapl, rank 4, bfloat16/int4');
  });

  it('leave to the user what the user has set', () => {
    expect(labels({method: 'fixed'})).toEqual(ranksFor(128).map((rank) => `fixed, rank ${rank}`));
    expect(labels({method: 'mapl', anchorRank: 8})).toContain('mapl, rank 32');

    const backward = listOf({backward: 'int8'});
    expect(families({backward: 'int8'})).not.toContain('full width');
    expect(new Set(backward.map(({crossed}) => crossed.backward.codec))).toEqual(new Set(['int8']));
    expect(families({forward: 'int8'})).not.toContain('mapl+rvq');
    const both = listOf({forward: 'int4', backward: 'bfloat16'});
    expect(both.filter(({family}) => family === 'mapl').length).toBe(ranksFor(128).length);
    for (const {crossed} of both) {
      expect([crossed.forward.codec, crossed.backward.codec]).toEqual(['int4', 'bfloat16']);
    }

    // Only what has such an option, and what has no boundary at all.
    expect(families({anchorRank: 8})).toEqual(['full width', 'mapl', 'mapl+rvq']);
    const config = configOf({}, {anchorRank: 8});
    for (const one of listOf({anchorRank: 8})) {
      const {anchorRank} = settingsOf(config, one).compression;
      expect(anchorRank).toBe(one.family === 'full width' ? null : 8);
    }
    expect(families({anchors: 'static'})).toEqual(['full width', 'mapl', 'mapl+rvq']);
  });

  it('go on with a trained model where their parameters are those of one', () => {
    const trained = {model: {initialModel: 'somewhere'}};
    const lost = FAMILIES.map(({name}) => name).filter(
      (name) => !families({}, trained).includes(name),
    );
    expect(lost).toEqual(['ssn']);
    expect(families({method: 'ssn'}, trained)).toEqual(['ssn']);
  });

  it('refuse a method without a rank', () => {
    for (const method of ['none', 'int4', 'top-k']) {
      expect(() => listOf({method})).toThrowError(
        new RegExp(`'${method}', which has no rank to choose`),
      );
    }
  });
});
