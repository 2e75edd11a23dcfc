import type * as tfl from '@tensorflow/tfjs-layers';
import {llama} from '../../models/llama/llama.js';
import {llamaConfigOf} from '../../models/llama/llama_config_of.js';
import {loadLlama} from '../../models/llama/load_llama.js';
import type {RunConfig} from '../config/schema.js';
import {findModelFolder} from './find_model.js';
import {llamaOfConfig} from './llama_of_config.js';

/** Keys that a model to start from must share with the configuration. */
const SAME = [
  'vocab_size',
  'hidden_size',
  'intermediate_size',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
  'tie_word_embeddings',
] as const;

/**
 * The whole model a run trains: seeded random weights, or those of a model to start from. Boundaries are new
 * unless that model has them already.
 *
 * @param config A checked configuration.
 * @param vocabSize Size of the tokenizer's vocabulary.
 * @param initialModel The model to start from; default `model.initialModel`.
 * @throws Error when the model to start from is another than the configuration describes.
 */
export async function buildModel(
  config: RunConfig,
  vocabSize: number,
  initialModel = config.model.initialModel,
): Promise<tfl.LayersModel> {
  const wanted = llamaOfConfig(config, vocabSize);
  const model = llama(wanted);
  if (initialModel === null) return model;
  const source = await loadLlama(await findModelFolder(initialModel));
  const given = llamaConfigOf(source);
  for (const key of SAME) {
    if (given[key] !== wanted[key]) {
      throw new Error(
        `model.initialModel '${initialModel}' has ${key} ${String(given[key])}, the configuration ` +
          `${String(wanted[key])}; set the configuration's model section to that of the model.`,
      );
    }
  }
  const weights = new Map(source.weights.map((weight) => [weight.originalName, weight]));
  for (const weight of model.weights) {
    const from = weights.get(weight.originalName);
    // What the source has not are the boundaries, which keep their seeded start.
    if (from && from.shape.join() === weight.shape.join()) weight.write(from.read());
  }
  source.dispose();
  return model;
}
