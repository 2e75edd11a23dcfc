import {Tokenizer} from '@huggingface/tokenizers';

/** The parts of `tokenizer_config.json` that are used here. */
interface TokenizerConfig {
  eos_token?: string | {content: string} | null;
  clean_up_tokenization_spaces?: boolean;
}

/** Names of the end-of-text token to look for when no configuration says. */
const END_OF_TEXT = ['<|endoftext|>', '<|end_of_text|>', '</s>'];

/**
 * A Hugging Face tokenizer (`tokenizer.json`) as the trainer needs it: text to ids and back, without
 * special tokens added and without any clean-up, so that a byte-level vocabulary gives
 * `decode(encode(x)) === x` for every well-formed text.
 */
export class TextTokenizer {
  /** Number of ids: one more than the largest. The model's vocabulary must be exactly this. */
  readonly vocabSize: number;
  /** Id put between documents and at which generation ends, or null if the vocabulary has none. */
  readonly endOfText: number | null;
  /** The parsed `tokenizer.json`, to be written beside a model. */
  readonly json: unknown;
  /** The parsed `tokenizer_config.json`. */
  readonly config: unknown;
  private readonly tokenizer: Tokenizer;

  /**
   * @param json Parsed `tokenizer.json`.
   * @param config Parsed `tokenizer_config.json`, may be empty.
   * @throws Error when `json` is not a tokenizer.
   */
  constructor(json: unknown, config: unknown = {}) {
    this.json = json;
    this.config = config;
    const given = config as TokenizerConfig;
    try {
      const settings = {...given, clean_up_tokenization_spaces: false};
      this.tokenizer = new Tokenizer(json as object, settings);
    } catch (error) {
      throw new Error(
        `TextTokenizer: this is no Hugging Face tokenizer.json: ${(error as Error).message}`,
      );
    }
    const vocab = this.tokenizer.get_vocab(true);
    let largest = -1;
    for (const id of vocab.values()) largest = Math.max(largest, id);
    if (largest < 0) throw new Error('TextTokenizer: the vocabulary of tokenizer.json is empty.');
    this.vocabSize = largest + 1;
    const eos = typeof given.eos_token === 'object' ? given.eos_token?.content : given.eos_token;
    const name = [eos, ...END_OF_TEXT].find((token) => token != null && vocab.has(token));
    this.endOfText = name == null ? null : (vocab.get(name) as number);
  }

  /**
   * @param text Well-formed text; may be empty.
   * @return Its ids, int32.
   * @throws Error on half a surrogate pair, which no UTF-8 bytes stand for.
   */
  encode(text: string): Int32Array {
    const lone = text.search(/\p{Surrogate}/u);
    if (lone >= 0) {
      throw new Error(
        `TextTokenizer.encode: the text has half a surrogate pair at character ${lone}; ` +
          'it is not well-formed Unicode.',
      );
    }
    return Int32Array.from(this.tokenizer.encode(text, {add_special_tokens: false}).ids);
  }

  /**
   * @param ids Ids in `[0, vocabSize)`.
   * @return The text; bytes that make no character become U+FFFD.
   * @throws Error naming the first id outside the vocabulary.
   */
  decode(ids: ArrayLike<number>): string {
    for (let i = 0; i < ids.length; i++) {
      if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= this.vocabSize) {
        throw new Error(
          `TextTokenizer.decode: id ${ids[i]} at position ${i} is outside the vocabulary ` +
            `(0 to ${this.vocabSize - 1}).`,
        );
      }
    }
    if (!ids.length) return '';
    return this.tokenizer.decode(Array.from(ids), {skip_special_tokens: false});
  }

  /**
   * Checks that a model and this tokenizer belong together.
   *
   * @param modelVocabSize The model's `vocab_size`.
   * @throws Error when they differ.
   */
  checkVocabulary(modelVocabSize: number): void {
    if (modelVocabSize === this.vocabSize) return;
    throw new Error(
      `The tokenizer has ${this.vocabSize} ids, the model a vocabulary of ${modelVocabSize}. ` +
        'Give the tokenizer that the model was trained with: tokenizer.json in its folder, or --tokenizer.',
    );
  }
}

/**
 * Reads a tokenizer from disk.
 *
 * @param location A folder with `tokenizer.json` (and `tokenizer_config.json`), or the file itself.
 * @throws Error when it is missing or not JSON.
 */
export async function loadTokenizer(location: string): Promise<TextTokenizer> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  const file = location.endsWith('.json') ? location : path.join(location, 'tokenizer.json');
  const read = async (name: string): Promise<unknown> => {
    const text = await fs.readFile(name, 'utf8');
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`loadTokenizer: '${name}' is not JSON: ${(error as Error).message}`);
    }
  };
  const missing = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    return null;
  };
  const json = await read(file).catch(missing);
  if (json === null) {
    throw new Error(
      `loadTokenizer: there is no '${file}'. Give a tokenizer.json or a folder that has one.`,
    );
  }
  const config = await read(path.join(path.dirname(file), 'tokenizer_config.json')).catch(missing);
  return new TextTokenizer(json, config ?? {});
}
