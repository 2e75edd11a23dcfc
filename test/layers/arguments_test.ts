/** Layers and models called with nothing, or with keys that nothing reads. */
import * as layers from '../../src/layers/index.js';
import {llama} from '../../src/models/llama/index.js';
import {construct, itRefuses, untyped, type Refusal} from '../support/refusals.js';

const {anchorEmbedding, projectionBoundary} = layers;

describe('Arguments of layers and models', () => {
  const calls: Array<[string, (...args: unknown[]) => unknown, RegExp]> = [
    ['projectionBoundary', untyped(projectionBoundary), /projectionBoundary\(\{rank: 32/],
    ['anchorEmbedding', untyped(anchorEmbedding), /anchorEmbedding\(\{vocabSize: 2048/],
    [
      'residualVectorQuantizer',
      untyped(layers.residualVectorQuantizer),
      /residualVectorQuantizer\(\{groups: 8/,
    ],
    ['llama', untyped(llama), /llama\(\{vocab_size: 256/],
  ];
  for (const [name, call, example] of calls) {
    it(`${name}: says what is missing, and how a call looks that works`, () => {
      for (const [args, what] of [
        [[], 'missing'],
        [[null], 'null'],
        [[[]], 'an array'],
        [[32], '32'],
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

/** A class, arguments that work, and for each of them values that do not, with what the error expects. */
interface LayerTable {
  name: string;
  cls: unknown;
  good: Record<string, unknown>;
  bad: Array<[key: string, values: unknown[], expected: string]>;
}

const COUNT = [undefined, null, 0, 2.5, NaN, '4', {}];
const SEED = ['x', NaN, 1.5, {}];
const REAL = ['x', NaN, -1, Infinity];
const SWITCH = ['false', 0, {}];
const whole = 'a whole number of at least 1';
const seed = 'an integer, for instance 42';
const deviation = 'a number of at least 0';
const LLAMA = {initializerRange: 0.02, seed: 0};

const TABLE: LayerTable[] = [
  {
    name: 'ProjectionBoundary',
    cls: layers.ProjectionBoundary,
    good: {rank: 4, vocabSize: 8},
    bad: [
      ['rank', COUNT, whole],
      ['vocabSize', COUNT, whole],
      ['units', [0, NaN, '4'], whole],
      ['seed', SEED, seed],
      ['trainableProjector', SWITCH, 'true or false'],
      ['constrained', SWITCH, 'true or false'],
      ['trainable', SWITCH, 'true or false'],
      ['anchors', ['some', 1], `'factorised' or 'none'`],
      ['senderAnchors', [5, 'x', [], {}], 'an AnchorEmbedding'],
      ['receiverAnchors', [5, 'x', [], {}], 'an AnchorEmbedding'],
      ['quantizer', [5, 'x', []], 'a layer or arguments such as {groups: 8, rounds: 2}'],
    ],
  },
  {
    name: 'AnchorEmbedding',
    cls: layers.AnchorEmbedding,
    good: {vocabSize: 8, anchorRank: 4, units: 8},
    bad: [
      ['vocabSize', COUNT, whole],
      ['anchorRank', COUNT, whole],
      ['units', [0, NaN, '4'], whole],
      ['factorised', SWITCH, 'true or false'],
      ['initializerRange', REAL, deviation],
      ['seed', SEED, seed],
    ],
  },
  {
    name: 'ResidualVectorQuantizer',
    cls: layers.ResidualVectorQuantizer,
    good: {groups: 2, rounds: 1, codes: 4},
    bad: [
      ['groups', COUNT, whole],
      ['rounds', [0, NaN, '4', 300], 'a whole number from 1 to 255'],
      ['codes', [0, NaN, '4', 70000], 'a whole number from 1 to 65536'],
      ['seed', SEED, 'an integer'],
      ['decay', [...REAL, 1], 'a number in [0, 1)'],
      ['gradient', ['x', 1], `'straight-through' or 'rotation'`],
      ['update', ['x', 1], `'call' or 'step'`],
    ],
  },
  {
    name: 'ResidualBottleneck',
    cls: layers.ResidualBottleneck,
    good: {rank: 4},
    bad: [
      ['rank', COUNT, whole],
      ['hiddenWidth', [0, NaN, '4'], whole],
      ['initializerRange', REAL, deviation],
      ['seed', SEED, seed],
    ],
  },
  {
    name: 'BoundaryEncoder',
    cls: layers.BoundaryEncoder,
    good: {boundary: projectionBoundary({rank: 4, vocabSize: 8})},
    bad: [['boundary', [undefined, null, 5, 'x', {}, []], 'a ProjectionBoundary or its config']],
  },
  {
    name: 'BoundaryDecoder',
    cls: layers.BoundaryDecoder,
    good: {boundary: projectionBoundary({rank: 4, vocabSize: 8})},
    bad: [['boundary', [undefined, null, 5, 'x', {}, []], 'a ProjectionBoundary or its config']],
  },
  {
    name: 'LlamaNorm',
    cls: layers.LlamaNorm,
    good: {epsilon: 1e-5},
    bad: [['epsilon', [undefined, ...REAL], 'a number of at least 0']],
  },
  {
    name: 'LlamaHead',
    cls: layers.LlamaHead,
    good: {vocabSize: 8, ...LLAMA},
    bad: [
      ['vocabSize', COUNT, whole],
      ['initializerRange', [undefined, ...REAL], deviation],
      ['seed', [undefined, ...SEED], seed],
      ['tiedTo', [5, 'x', {}], 'a LlamaEmbedding or {name} of one'],
    ],
  },
  {
    name: 'LlamaEmbedding',
    cls: layers.LlamaEmbedding,
    good: {vocabSize: 8, hiddenSize: 4, maxPositionEmbeddings: 16, ...LLAMA},
    bad: [
      ['vocabSize', COUNT, whole],
      ['hiddenSize', COUNT, whole],
      ['maxPositionEmbeddings', COUNT, whole],
      ['initializerRange', [undefined, ...REAL], deviation],
      ['seed', [undefined, ...SEED], seed],
      ['subspace', [5, {}, {rank: 8, seed: 0}], 'a whole number from 1 to 4'],
    ],
  },
  {
    name: 'LlamaDecoderLayer',
    cls: layers.LlamaDecoderLayer,
    good: {
      hiddenSize: 4,
      intermediateSize: 8,
      numAttentionHeads: 2,
      numKeyValueHeads: 1,
      headDim: 2,
      rmsNormEps: 1e-5,
      ropeTheta: 10000,
      ropeScaling: null,
      maxPositionEmbeddings: 16,
      attentionBias: false,
      mlpBias: false,
      ...LLAMA,
    },
    bad: [
      ['hiddenSize', COUNT, whole],
      ['intermediateSize', COUNT, whole],
      ['numAttentionHeads', COUNT, whole],
      ['numKeyValueHeads', COUNT, whole],
      ['numKeyValueHeads', [3], 'a divisor of numAttentionHeads = 2'],
      ['headDim', COUNT, whole],
      ['maxPositionEmbeddings', COUNT, whole],
      ['rmsNormEps', [undefined, ...REAL], 'a number of at least 0'],
      ['ropeTheta', [undefined, 0, ...REAL], 'a number above 0'],
      ['ropeScaling', [5, 'x'], 'an object with rope_type, or null'],
      ['attentionBias', [undefined, ...SWITCH], 'true or false'],
      ['mlpBias', [undefined, ...SWITCH], 'true or false'],
      ['seed', [undefined, ...SEED], seed],
    ],
  },
];

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const print = (value: unknown) =>
  value === undefined || Number.isNaN(value) ? String(value) : JSON.stringify(value);

for (const {name, cls, good, bad} of TABLE) {
  const make = construct(cls);
  describe(`Constructor of ${name}`, () => {
    it('takes what works, the keys of every layer, and what tfjs adds on loading', () => {
      const all = {name: 'given', trainable: false, dtype: 'float32', batchInputShape: [null, 3]};
      expect(() => make({...good, ...all, customObjects: {}})).not.toThrow();
    });

    const whole = [undefined, null, 32, NaN, 'x', [], [null]];
    itRefuses([
      ...whole.map((args): Refusal => [
        `new ${name}(${print(args)})`,
        () => make(args),
        new RegExp(`^${name}: the argument is .*, expected an object, for instance `),
      ]),
      [
        `an unknown key`,
        () => make({...good, unknownKey: 1}),
        new RegExp(`^${name}: unknown key 'unknownKey', did you mean '.*'\\? Known are `),
      ],
      [
        'a name that is no text',
        () => make({...good, name: 5}),
        new RegExp(`^${name}: name is 5, expected a text`),
      ],
      ...bad.flatMap(([key, values, expected]) =>
        values.map((value): Refusal => [
          `${key}: ${print(value)}`,
          () => make({...good, [key]: value}),
          new RegExp(`^${name}.*: .*${key} .*is .*, expected .*${escape(expected)}`),
        ]),
      ),
    ]);
  });
}

describe('Subclasses of boundaries', () => {
  class Custom extends layers.ProjectionBoundary {
    static override className = 'CustomBoundary';
  }

  it('may have keys of their own', () => {
    expect(() => construct(Custom)({rank: 4, vocabSize: 8, ownKey: 1})).not.toThrow();
  });

  itRefuses([
    ['no arguments', () => construct(Custom)(), /^ProjectionBoundary: the argument is missing/],
    [
      'a config of a half whose class nobody knows',
      () => construct(layers.BoundaryEncoder)({boundary: {className: 'Nothing', config: {}}}),
      /className of the boundary is 'Nothing', expected the name of a registered class/,
    ],
  ]);
});
