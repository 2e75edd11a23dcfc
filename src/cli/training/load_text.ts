import path from 'node:path';
import {demoCorpus} from '../../data/demo_corpus.js';
import type {TextDocument} from '../../data/document.js';
import {packageRoot} from '../../data/package_root.js';
import {textFiles} from '../../data/text_files.js';
import {prepareTokens, type TokenData} from '../../data/token_cache.js';
import {loadTokenizer, type TextTokenizer} from '../../data/tokenizer.js';
import type {RunConfig} from '../config/schema.js';

/** The tokenizer that comes with this package. */
export async function shippedTokenizer(): Promise<TextTokenizer> {
  return loadTokenizer(path.join(await packageRoot(), 'assets', 'tokenizer'));
}

/** The user's text, or the demo's where none is named. */
export async function loadDocuments(
  sources: string[],
  log: (line: string) => void,
): Promise<TextDocument[]> {
  return sources.length ? textFiles(sources) : demoCorpus(log);
}

/** A run's tokenizer and its text as tokens. */
export interface LoadedText {
  tokenizer: TextTokenizer;
  data: TokenData;
}

/**
 * Reads and encodes the text of a run, or takes it from the cache.
 *
 * @param config A checked configuration.
 * @param log Called with a line when something takes a while.
 * @throws Error on missing, empty or undecodable text.
 */
export async function loadText(
  config: RunConfig,
  log: (line: string) => void = () => {},
): Promise<LoadedText> {
  const {data} = config;
  const tokenizer = data.tokenizer ? await loadTokenizer(data.tokenizer) : await shippedTokenizer();
  const documents = await loadDocuments(data.text, log);
  let told = 0;
  const result = await prepareTokens({
    documents,
    tokenizer,
    shares: {validation: data.validationShare, test: data.testShare},
    seed: data.splitSeed,
    onProgress: (share) => {
      const tenths = Math.floor(share * 4);
      if (tenths > told && share < 1) log(`Encoding text: ${Math.round(100 * share)} %`);
      told = Math.max(told, tenths);
    },
  });
  return {tokenizer, data: result};
}
