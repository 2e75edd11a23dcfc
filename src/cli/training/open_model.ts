import {existsSync} from 'node:fs';
import path from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import {setBackendEnvironment} from '../../backends/environment.js';
import {selectBackend, type BackendSelection} from '../../backends/select_backend.js';
import {loadTokenizer, type TextTokenizer} from '../../data/tokenizer.js';
import type {ResolvedLlamaConfig} from '../../models/llama/llama_config.js';
import {llamaConfigOf} from '../../models/llama/llama_config_of.js';
import {loadLlama} from '../../models/llama/load_llama.js';
import {findModelFolder} from './find_model.js';
import {shippedTokenizer} from './load_text.js';

/** Brings up a backend by its name, or the fastest for 'auto'. */
export async function bringUpBackend(name: string, threads?: number): Promise<BackendSelection> {
  setBackendEnvironment(threads ? {intraOpThreads: threads} : {});
  return selectBackend(name === 'auto' ? {} : {prefer: name});
}

/** A model ready for use. */
export interface OpenModel {
  folder: string;
  model: tfl.LayersModel;
  config: ResolvedLlamaConfig;
  tokenizer: TextTokenizer;
  backend: BackendSelection;
}

/**
 * Loads a model and the tokenizer beside it.
 *
 * @param given Run, checkpoint or Hugging Face folder.
 * @param backend Name of a backend, or 'auto'.
 * @param tokenizerPath Another tokenizer than the one beside the model.
 * @throws Error when there is no model, or the tokenizer is of another vocabulary.
 */
export async function openModel(
  given: string,
  backend: string,
  tokenizerPath?: string,
): Promise<OpenModel> {
  const folder = await findModelFolder(given);
  const selection = await bringUpBackend(backend);
  const model = await loadLlama(folder);
  const config = llamaConfigOf(model);
  const beside = existsSync(path.join(folder, 'tokenizer.json')) ? folder : undefined;
  const location = tokenizerPath ?? beside;
  const tokenizer = location ? await loadTokenizer(location) : await shippedTokenizer();
  tokenizer.checkVocabulary(config.vocab_size);
  return {folder, model, config, tokenizer, backend: selection};
}
