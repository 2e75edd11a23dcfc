/** What codecs, methods and both ends of codebook streaming say of arguments that are missing or of another kind. */
import * as codecs from '../../src/codecs/index.js';
import {registerMethod} from '../../src/codecs/methods/index.js';

/** As callers without types see it. */
const untyped = codecs as unknown as Record<string, (...args: unknown[]) => unknown>;
const made = codecs as unknown as Record<string, new (...args: unknown[]) => unknown>;
const size = {rounds: 2, groups: 1, codes: 4, width: 1};

describe('arguments of codecs', () => {
  const sender = () => {
    const one = new codecs.CodebookSender({size, slices: 2, seed: 1});
    one.start(new Float32Array(8));
    return one;
  };
  const state = {wire: new Uint16Array(8), position: 0, version: 0, seq: 0};
  const wrong = (change: object) => () =>
    sender().setState({...state, ...change}, new Float32Array(8));
  const plan = (settings: object) => () =>
    untyped.methodPlan({method: 'mapl', rank: 4, ...settings}, {stages: 2, hiddenSize: 8});
  const refused: Array<[() => unknown, RegExp]> = [
    [() => new made.CodebookSender(), /CodebookSender: the argument is missing, expected an obj/],
    [
      () => new made.CodebookSender({slices: 1, seed: 1}),
      /CodebookSender: size: the argument is missing, expected an object, for instance \{rounds/,
    ],
    [
      () => new made.CodebookSender({size: {...size, codes: 0}, slices: 1, seed: 1}),
      /CodebookSender: size.codes is 0, expected a whole number from 1 to 65536/,
    ],
    [
      () => new made.CodebookReceiver({size: {...size, width: undefined}}),
      /CodebookReceiver: size.width is missing, expected a whole number of at least 1/,
    ],
    [() => new made.CodebookReceiver(), /CodebookReceiver: the argument is missing/],
    [() => new made.CodebookSender({size, slices: 2}), /seed is missing, expected an integer/],
    [
      () => new made.CodebookSender({size, slices: 2, seed: 1, session: -1}),
      /session is -1, expected a whole number from 0 to 4294967295/,
    ],
    [
      () => (sender() as unknown as {start: () => void}).start(),
      /no values of codebooks, expected 8/,
    ],
    [
      () => sender().setLive(new Float32Array(8).fill(NaN, 5)),
      /value 5 of the codebooks is NaN, expected a number that bfloat16 has/,
    ],
    // The largest float32 rounds up to infinity.
    [() => sender().start(new Float32Array(8).fill(3.4e38)), /value 0 of the codebooks is 3.39/],
    [() => sender().next(true, 3), /rounds is 3, expected a whole number from 1 to 2/],
    [wrong({wire: new Uint16Array(7)}), /7 values of the wire copy, expected 8/],
    [wrong({wire: undefined}), /no values of the wire copy, expected 8/],
    [wrong({position: 0.5}), /state.position is 0.5, expected a whole number from 0/],
    [wrong({seq: undefined}), /state.seq is missing, expected a whole number from 0/],
    [
      () => (new codecs.CodebookReceiver({size}) as unknown as {receive: () => void}).receive(),
      /CodebookReceiver.receive: bytes is missing, expected bytes/,
    ],
    [() => untyped.registerCodec(), /registerCodec: the argument is missing/],
    [
      () => untyped.registerCodec({name: 'test:half', version: 1}),
      /registerCodec: pack is missing, expected a function/,
    ],
    [() => untyped.registerLegCodec(), /registerLegCodec: the argument is missing/],
    [
      () => untyped.registerLegCodec({name: 'test:half', version: 1}),
      /registerLegCodec: create is missing, expected a function/,
    ],
    [() => (registerMethod as () => void)(), /registerMethod: the argument is missing/],
    [() => codecs.getLegCodec('rvq').create(null as never), /leg codec 'rvq': the argument is nul/],
    [() => codecs.getLegCodec('int8').create(null as never), /leg codec 'int8': the argument is/],
    [() => untyped.parseLegSpec(), /parseLegSpec: word is missing, expected a codec's name/],
    [() => untyped.methodPlan(), /methodPlan: the argument is missing/],
    [
      () => untyped.methodPlan({method: 'mapl', rank: 4}),
      /methodPlan: context: the argument is missing, expected an object, for instance \{stages/,
    ],
    [plan({rank: 1.5}), /compression.rank is 1.5, expected a whole number of 1 or more/],
    [plan({rank: undefined}), /compression.rank is undefined, expected a whole number/],
    [plan({anchorRank: 0}), /compression.anchorRank is 0, expected a whole number of 1 or more/],
    [plan({forward: {codec: 'int9'}}), /unknown leg codec 'int9'. Did you mean 'int[48]'/],
    [plan({backward: {codec: 'int8', bits: 3}}), /leg codec 'int8' has no option 'bits'/],
    [plan({backward: 'int8'}), /compression.backward is "int8", expected an object with a codec/],
    [
      plan({forward: {codec: 'rvq', groups: 3}}),
      /leg codec 'rvq': groups is 3, expected a divisor of the width 4/,
    ],
    [() => untyped.codecVersions('int8'), /codecVersions: names is 'int8', expected an array/],
    ...(['float32Codec', 'bfloat16Codec', 'uint16Codec', 'uint32Codec'] as const).flatMap(
      (name): Array<[() => unknown, RegExp]> => {
        const codec = codecs[name] as unknown as Record<string, (...args: unknown[]) => unknown>;
        const wide = new Float64Array(2);
        return [
          [() => codec.byteLength(), /codec '\w+': shape is missing, expected an array of whole/],
          [
            () => codec.pack(wide, [2]),
            /values is .*Float64Array.*, expected a (Float32|Int32)Array/,
          ],
          [() => codec.pack(null, [2]), /codec '\w+': values is null/],
          [() => codec.unpack([1, 2], [2]), /codec '\w+': bytes is an array, expected bytes/],
        ];
      },
    ),
  ];

  for (const [index, [act, message]] of refused.entries()) {
    it(`are named, ${index + 1}: ${message.source.slice(0, 60)}`, () => {
      expect(act).toThrowError(message);
    });
  }

  it('leave a sender as it was when its state is refused', () => {
    const one = sender();
    const before = one.next(true);
    const other = sender();
    expect(() =>
      other.setState({...state, wire: new Uint16Array(1)}, new Float32Array(8)),
    ).toThrow();
    expect(other.next(true)).toEqual(before);
  });
});
