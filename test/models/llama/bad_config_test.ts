import * as tf from '@tensorflow/tfjs-core';
import {llama} from '../../../src/models/llama/index.js';
import {idsOf, tiny} from './support.js';

describe('llama, bad input', () => {
  const cases: [object, RegExp][] = [
    [{hidden_size: undefined}, /hidden_size is missing, expected a positive integer/],
    [{vocab_size: 0}, /vocab_size is 0/],
    [{num_hidden_layers: 1.5}, /num_hidden_layers is 1.5/],
    [{hidden_size: 10}, /hidden_size 10 is not a multiple of num_attention_heads 4/],
    [{head_dim: 3}, /head_dim is 3, expected an even number/],
    [{num_key_value_heads: 3}, /num_key_value_heads is 3, expected a divisor/],
    [{rms_norm_eps: -1}, /rms_norm_eps is -1/],
    [{embedding_initializer_range: -1}, /embedding_initializer_range is -1/],
    [{model_type: 'gpt2'}, /model_type is "gpt2", expected "llama"/],
    [{hidden_act: 'gelu'}, /hidden_act is "gelu", expected "silu"/],
    [{attention_dropout: 0.1}, /attention_dropout is 0.1/],
    [{quantization_config: {bits: 4}}, /quantised weights are not supported/],
    [
      {rope_scaling: {rope_type: 'yarn', factor: 2}},
      /llama: rope_scaling.rope_type is "yarn", expected "default"/,
    ],
    [{tie_word_embeddings: 'yes'}, /tie_word_embeddings is "yes"/],
    [{seed: 0.5}, /seed is 0.5/],
    [{mapl: {stages: 3, rank: 2}}, /mapl.stages is 3, expected an integer from 1 to 2/],
    [{mapl: {stages: 2, rank: 9}}, /mapl.rank is 9, expected an integer from 1 to 8/],
    [{mapl: {stages: 2, rank: 0}}, /mapl.rank is 0/],
    [{mapl: {stages: 2, rank: 2, anchorRank: 9}}, /mapl.anchorRank is 9/],
    [{mapl: {stages: 2, rank: 2, boundaries: [1]}}, /mapl.boundaries is \[1\], expected 1 rising/],
    [{mapl: {stages: 2, rank: 2, projector: 'frozen'}}, /mapl.projector is "frozen"/],
    [{mapl: {stages: 2, rank: 2, ranks: 3}}, /mapl.ranks is unknown/],
  ];
  for (const [change, message] of cases) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      expect(() => llama({...tiny, ...change})).toThrowError(message);
    });
  }

  it('refuses sequences longer than its context', () => {
    const model = llama(tiny);
    const long = idsOf([[1, 2, 3, 4, 5, 6, 7]]);
    expect(() => model.predict(long)).toThrowError(
      /the sequence has 7 tokens, expected at most max_position_embeddings = 6/,
    );
    long.dispose();
    model.dispose();
  });

  it('refuses ids outside its vocabulary', () => {
    const model = llama(tiny);
    for (const id of [11, -1]) {
      const ids = idsOf([[1, id]]);
      expect(() => model.predict(ids)).toThrowError(
        new RegExp(`model.embed_tokens: ids\\[0,1\\] = ${id} is outside the vocabulary`),
      );
      ids.dispose();
    }
    const floats = tf.tensor2d([[1, 2]], [1, 2]);
    expect(() => model.getLayer('model.embed_tokens').apply(floats)).toThrowError(/int32/);
    floats.dispose();
    model.dispose();
  });
});
