import type * as tfl from '@tensorflow/tfjs-layers';
import type {TextTokenizer} from '../../data/tokenizer.js';
import {generate, type GenerateOptions} from '../../models/llama/generate.js';

/**
 * Continues a prompt, piece by piece as the text becomes whole characters: one token may be half of one.
 *
 * @param model A whole model.
 * @param tokenizer Its tokenizer.
 * @param prompt Text to continue; empty begins a new text where the tokenizer has an end-of-text id.
 * @param options See `generate`; the end-of-text id ends it.
 */
export async function* continueText(
  model: tfl.LayersModel,
  tokenizer: TextTokenizer,
  prompt: string,
  options: GenerateOptions,
): AsyncGenerator<string, void, void> {
  const {endOfText} = tokenizer;
  const ids = Array.from(tokenizer.encode(prompt));
  if (!ids.length && endOfText !== null) ids.push(endOfText);
  const stopIds = endOfText === null ? [] : [endOfText];
  const made: number[] = [];
  let said = '';
  for await (const id of generate(model, ids, {stopIds, ...options})) {
    if (id === endOfText) break;
    made.push(id);
    const text = tokenizer.decode(made);
    // An unfinished character decodes to U+FFFD: wait for the rest of it.
    if (text.endsWith('\ufffd')) continue;
    yield text.slice(said.length);
    said = text;
  }
  const text = tokenizer.decode(made);
  if (text.length > said.length) yield text.slice(said.length);
}
