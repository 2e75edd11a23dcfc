/** Generation and the spreading of boundaries called with what they cannot work with. */
import {balancedBoundaries, generate, sampler} from '../../../src/models/llama/index.js';
import {itRefuses, untyped, type Refusal} from '../../support/refusals.js';

describe('Arguments of generate, sampler and balancedBoundaries', () => {
  const first =
    (...args: unknown[]) =>
    () =>
      (untyped(generate)(...args) as AsyncGenerator<number>).next();
  const model = {predict: () => null, layers: []};
  itRefuses([
    ...[undefined, null, 'x', 5, {}].map((value): Refusal => [
      `generate(${String(value)})`,
      first(value),
      /^generate: model is .*, expected a model such as llama\(config\)/,
    ]),
    ...[undefined, null, 'x', 5, {}].map((value): Refusal => [
      `generate(model, ${String(value)})`,
      first(model, value),
      /^generate: ids is .*, expected a list of token ids/,
    ]),
    ['options null', first(model, [1], null), /generate, options: the argument is null, expected/],
    ['stopIds 5', first(model, [1], {stopIds: 5}), /generate: stopIds is 5, expected a list/],
    [
      'an unknown option',
      first(model, [1], {topp: 1}),
      /generate, options: unknown key 'topp', did you mean/,
    ],
    ['sampler(null)', () => untyped(sampler)(null), /generate, options: the argument is null/],
    ['sampler(NaN)', () => untyped(sampler)(NaN), /the argument is NaN, expected an obj/],
    [
      'balancedBoundaries()',
      () => untyped(balancedBoundaries)(),
      /layers is missing, expected a wh/,
    ],
    ['stages NaN', () => balancedBoundaries(4, NaN), /stages is NaN, expected a whole number/],
    ['stages 0', () => balancedBoundaries(4, 0), /stages is 0, expected a whole number/],
  ]);
});
