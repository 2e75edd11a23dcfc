import {sha256} from '../../data/hash.js';
import {settingDifferences} from '../config/compare_config.js';
import type {RunConfig} from '../config/schema.js';
import {parseStored} from '../config/stored_config.js';

/** What decides every number of a run: a checkpoint is gone on with only by a run that has the same. */
export interface Agreement {
  /** Settings in the sections that have a say in it. */
  settings: Pick<RunConfig, 'model' | 'compression' | 'training'> & {
    pipeline: Omit<RunConfig['pipeline'], 'processes'>;
  };
  /** Size of the tokenizer's vocabulary. */
  vocabSize: number;
  /** Hash of text and tokenizer. */
  text: string;
}

/** What a run of that configuration and text agrees on. */
export function agreementOf(config: RunConfig, vocabSize: number, text: string): Agreement {
  const {model, compression, training} = config;
  const {processes: _, ...pipeline} = config.pipeline;
  return {settings: {model, compression, training, pipeline}, vocabSize, text};
}

/** A hash of it, by which stages tell whether they are of one run. Depends on the order of keys. */
export async function agreementHash({settings, vocabSize, text}: Agreement): Promise<string> {
  const {model, compression, training, pipeline} = settings;
  return sha256(JSON.stringify({model, compression, training, pipeline, vocabSize, hash: text}));
}

/**
 * In what a checkpoint's run was another one, in words, a difference each; empty where they agree. Settings that came after the
 * checkpoint have their defaults.
 *
 * @param stored What the checkpoint has.
 * @param now What the run has that is to go on from it.
 * @param source Names the checkpoint in messages.
 * @throws Error naming settings of the checkpoint that do not exist any more.
 */
export function agreementDifferences(stored: Agreement, now: Agreement, source: string): string[] {
  const [was, is] = [stored, now].map(({settings}) => parseStored(settings, source));
  const show = (value: unknown) => JSON.stringify(value);
  const differences = settingDifferences(was, is).map(
    ({key, one, other}) => `${key} was ${show(one)}, now ${show(other)}`,
  );
  if (stored.vocabSize !== now.vocabSize) {
    differences.push(`the vocabulary had ${stored.vocabSize} tokens, now ${now.vocabSize}`);
  }
  if (stored.text !== now.text) differences.push('text, its split or the tokenizer changed');
  return differences;
}
