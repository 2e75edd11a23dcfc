/** Writes the models that `check_hf_folder.py` checks: `node --import tsx test/python/write_hf_folder.ts FOLDER`. */
import {writeFileSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import {llama, saveLlama} from '../../src/models/llama/index.js';
import {useBackend} from '../support/use_backend.js';

const folder = process.argv[2];
if (folder == null) {
  throw new Error('usage: node --import tsx test/python/write_hf_folder.ts FOLDER');
}
await useBackend('cpu');
const base = {
  vocab_size: 50,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  initializer_range: 0.2,
  seed: 1,
};
const llama3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 16,
};
const cases: Record<string, [object, number]> = {
  untied: [{}, 1],
  sharded: [{}, 3],
  tied: [{tie_word_embeddings: true}, 1],
  biases: [{attention_bias: true, mlp_bias: true}, 1],
  wide_heads: [{head_dim: 12}, 1],
  one_group: [{num_key_value_heads: 1}, 1],
  linear_rope: [{rope_scaling: {rope_type: 'linear', factor: 4}, rope_theta: 5000}, 1],
  llama3_rope: [{rope_scaling: llama3, rope_theta: 500000}, 1],
};
for (const [name, [change, shards]] of Object.entries(cases)) {
  const model = llama({...base, ...change});
  const ids = [Array.from({length: 40}, (_, i) => (i * 17 + 3) % 50)];
  const logits = model.predict(tf.tensor2d(ids, [1, 40], 'int32')) as tf.Tensor;
  await saveLlama(model, `${folder}/${name}`, {shards, config: {bos_token_id: 1, eos_token_id: 2}});
  const expected = {ids, logits: Array.from(await logits.data())};
  writeFileSync(`${folder}/${name}/expected.json`, JSON.stringify(expected));
  model.dispose();
}
