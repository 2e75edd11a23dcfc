import type {TextDocument} from '../../data/document.js';
import type {RunConfig} from '../config/schema.js';
import {loadDocuments} from './load_text.js';
import {openModel, type OpenModel} from './open_model.js';
import {runConfigOf} from './run_config_of.js';

/** What a command that reads text with a model is told. */
export interface TextOptions {
  /** Sources of the text. Default: those of the model's run, else the demo's. */
  text?: string[];
  tokenizer?: string;
  /** Tokens a sequence. Default: as in training, at most what the model takes. */
  context?: number;
  backend: string;
}

/** A model, and text to try it on. */
export interface ModelWithText extends OpenModel {
  /** Settings of the text that the model's run had. */
  data: RunConfig['data'];
  /** Tokens a sequence. */
  context: number;
  documents: TextDocument[];
}

/**
 * Loads a model and reads text for it.
 *
 * @param given Run, checkpoint or Hugging Face folder.
 * @throws Error when there is no model or no text, or `--context` is more than the model takes.
 */
export async function openWithText(
  given: string,
  options: TextOptions,
  log: (line: string) => void,
): Promise<ModelWithText> {
  const opened = await openModel(given, options.backend, options.tokenizer);
  const {data, training} = await runConfigOf(opened.folder);
  const most = opened.config.max_position_embeddings;
  const context = options.context ?? Math.min(most, training.context);
  if (context > most) {
    throw new Error(`--context is ${context}, more than the model takes (${most}).`);
  }
  const documents = await loadDocuments(options.text ?? data.text, log);
  return {...opened, data, context, documents};
}
