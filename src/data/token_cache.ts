import {cacheFolder} from './cache_folder.js';
import {SPLIT_NAMES, type SplitName, type TextDocument} from './document.js';
import {encodeDocuments} from './encode_documents.js';
import {sha256} from './hash.js';
import {splitDocuments, type SplitShares} from './split_documents.js';
import {readTokenFile, writeTokenFile, type TokenArray} from './token_file.js';
import type {TextTokenizer} from './tokenizer.js';

/** Bump when splitting or encoding changes, so that old cached files are not taken for new ones. */
const FORMAT = 'tokens-1';

/** An encoded, split corpus. */
export interface TokenData {
  /** Ids of each part. */
  tokens: Record<SplitName, TokenArray>;
  /** SHA-256 over text, tokenizer and split: two runs with the same hash saw the same data. */
  hash: string;
  /** Path of the token file of each part, for other processes to read. */
  files: Record<SplitName, string>;
  /** Whether all parts came out of the cache. */
  cached: boolean;
}

/** What `prepareTokens` needs. */
export interface PrepareTokensArgs {
  /** The corpus. */
  documents: TextDocument[];
  /** The vocabulary. */
  tokenizer: TextTokenizer;
  /** Shares to hold out. */
  shares: SplitShares;
  /** Seed of the split; default 0. */
  seed?: number;
  /** Where to keep the files; default: `cacheFolder()`. */
  folder?: string;
  /** Called with the share done, 0 to 1. */
  onProgress?: (share: number) => void;
}

/**
 * Splits and encodes a corpus, or takes the result of an earlier time from the cache.
 *
 * @throws Error on empty text or impossible shares (see `splitDocuments`).
 */
export async function prepareTokens(args: PrepareTokensArgs): Promise<TokenData> {
  const path = await import('node:path');
  const {documents, tokenizer, shares, seed = 0, onProgress = () => {}} = args;
  const parts = splitDocuments(documents, shares, seed);
  const key = [FORMAT, JSON.stringify(tokenizer.json), JSON.stringify({shares, seed})];
  for (const {name, text} of documents) key.push(name, text);
  const hash = await sha256(...key);
  const folder = path.join(args.folder ?? (await cacheFolder()), 'tokens', hash.slice(0, 24));
  const file = (name: SplitName) => path.join(folder, `${name}.tokens`);
  const files = Object.fromEntries(SPLIT_NAMES.map((name) => [name, file(name)]));
  const result: Partial<Record<SplitName, TokenArray>> = {};
  let cached = true;
  let done = 0;
  const total = SPLIT_NAMES.reduce(
    (sum, name) => sum + parts[name].reduce((n, {text}) => n + text.length, 0),
    0,
  );
  for (const name of SPLIT_NAMES) {
    const size = parts[name].reduce((n, {text}) => n + text.length, 0);
    const known = await readTokenFile(file(name)).catch(() => null);
    if (known && known.vocabSize === tokenizer.vocabSize) {
      result[name] = known.tokens;
    } else {
      cached = false;
      const base = done;
      const tokens = await encodeDocuments(parts[name], tokenizer, (share) =>
        onProgress((base + share * size) / total),
      );
      await writeTokenFile(file(name), tokens, tokenizer.vocabSize);
      result[name] = tokens;
    }
    done += size;
  }
  onProgress(1);
  return {
    tokens: result as Record<SplitName, TokenArray>,
    hash,
    files: files as Record<SplitName, string>,
    cached,
  };
}
