/** Text generation, token by token. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {checkInteger, checkList, refuseValue} from '../../ops/check_values.js';
import {LlamaEmbedding} from '../../layers/llama_embedding.js';
import {sampler, type SamplerOptions} from './sampler.js';

/** Options of {@link generate}. */
export interface GenerateOptions extends SamplerOptions {
  /** Tokens to make at most; default 64. */
  maxTokens?: number;
  /** Ends after one of these ids, which is yielded too. */
  stopIds?: number[];
}

/**
 * Continues a text. Every token is one forward pass over the last `max_position_embeddings` tokens (no cached keys), so
 * the result is that of the model as trained, boundaries included.
 *
 * ```js
 * for await (const id of generate(model, tokenizer.encode('Call me'), {maxTokens: 20, temperature: 0.8, seed: 1})) …
 * ```
 *
 * @param model int32 ids `[1, time]` → logits `[1, time, V]`, such as `llama(config)`.
 * @param ids The text so far, at least one token.
 * @returns The new ids, one by one. The same for the same model, ids, options and backend.
 * @throws On an empty text, options out of range, ids outside the vocabulary, NaN logits.
 */
export async function* generate(
  model: tfl.LayersModel,
  ids: ArrayLike<number>,
  options: GenerateOptions = {},
): AsyncGenerator<number, void, void> {
  if (typeof (model as Partial<tfl.LayersModel> | null)?.predict !== 'function') {
    refuseValue('generate', 'model', model, 'a model such as llama(config)');
  }
  if (typeof ids !== 'object' || typeof (ids as ArrayLike<number> | null)?.length !== 'number') {
    refuseValue('generate', 'ids', ids, 'a list of token ids');
  }
  const draw = sampler(options);
  const {maxTokens = 64, stopIds = []} = options;
  checkList('generate', 'stopIds', stopIds, 'a list of token ids');
  if (ids.length === 0) {
    throw new Error('generate: the text is empty, expected at least one token to continue from.');
  }
  checkInteger('generate', 'maxTokens', maxTokens, 1);
  const limit = contextOf(model);
  const text = Array.from(ids);
  for (let i = 0; i < maxTokens; i++) {
    const window = text.slice(-limit);
    const last = tf.tidy(() => {
      const input = tf.tensor2d(window, [1, window.length], 'int32');
      const logits = model.predict(input) as tf.Tensor3D;
      const [, time, vocabulary] = logits.shape;
      return tf.reshape(tf.slice(logits, [0, time - 1, 0], [1, 1, vocabulary]), [vocabulary]);
    });
    const logits = await last.data();
    last.dispose();
    const id = draw(logits);
    text.push(id);
    yield id;
    if (stopIds.includes(id)) {
      return;
    }
  }
}

/** Longest sequence the model takes; unlimited if it is none of ours. */
function contextOf(model: tfl.LayersModel): number {
  const embedding = model.layers.find((layer) => layer instanceof LlamaEmbedding);
  return embedding?.args.maxPositionEmbeddings ?? Infinity;
}
