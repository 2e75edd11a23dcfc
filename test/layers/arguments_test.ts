/** Layers and models called with nothing, or with keys that nothing reads. */
import {anchorEmbedding, projectionBoundary} from '../../src/layers/index.js';
import {llama} from '../../src/models/llama/index.js';

/** As JavaScript calls it. */
const untyped = (call: unknown) => call as (...args: unknown[]) => unknown;

describe('Arguments of layers and models', () => {
  const calls: Array<[string, (...args: unknown[]) => unknown, RegExp]> = [
    ['projectionBoundary', untyped(projectionBoundary), /projectionBoundary\(\{rank: 32/],
    ['anchorEmbedding', untyped(anchorEmbedding), /anchorEmbedding\(\{vocabSize: 2048/],
    ['llama', untyped(llama), /llama\(\{vocab_size: 256/],
  ];
  for (const [name, call, example] of calls) {
    it(`${name}: says what is missing, and how a call looks that works`, () => {
      for (const [args, what] of [
        [[], 'missing'],
        [[null], 'null'],
        [[[]], 'an array'],
        [[32], 'the number 32'],
      ] as const) {
        const start = `${name}: the argument is ${what}, expected an object`;
        expect(() => call(...args)).toThrowError(new RegExp(`^${start}`));
        expect(() => call(...args)).toThrowError(example);
      }
    });
  }

  it('refuses unknown keys with the nearest one', () => {
    const boundary = untyped(projectionBoundary);
    expect(() => boundary({rank: 4, vocabSize: 8, anchorsRank: 4})).toThrowError(
      /^projectionBoundary: unknown key 'anchorsRank', did you mean 'anchorRank'\?/,
    );
    expect(() => boundary({rank: 4, vocab_size: 8})).toThrowError(/did you mean 'vocabSize'\?/);
    expect(() => untyped(anchorEmbedding)({vocabSize: 8, anchorRank: 4, seeds: 1})).toThrowError(
      /^anchorEmbedding: unknown key 'seeds', did you mean 'seed'\?/,
    );
  });

  it("takes the keys of every layer of tfjs, and a layer's own configuration", () => {
    const boundary = projectionBoundary({
      rank: 4,
      vocabSize: 8,
      name: 'named',
      trainable: false,
      dtype: 'float32',
    });
    const again = untyped(projectionBoundary)(boundary.getConfig()) as typeof boundary;
    expect(again.getConfig()).toEqual(boundary.getConfig());
    const anchors = anchorEmbedding({vocabSize: 8, anchorRank: 4, units: 8, inputShape: [3]});
    expect(() => untyped(anchorEmbedding)(anchors.getConfig())).not.toThrow();
  });
});
