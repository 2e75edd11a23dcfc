import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {methodPlan} from '../../codecs/methods/index.js';
import {initialiseBoundaries} from '../../diagnostics/initialise_boundaries.js';
import {openFolder} from '../../io/index.js';
import {readConfig} from '../../models/llama/load_llama.js';
import {saveLlama} from '../../models/llama/save_llama.js';
import {TokenBatches} from '../../data/token_batches.js';
import {stageCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';
import {formatShare} from '../report/format.js';
import {buildModel} from './build_model.js';
import {findModelFolder} from './find_model.js';
import type {LoadedText} from './load_text.js';

/** Tells people something. */
type Log = (line: string) => void;

/** Tokens for each dimension of the activations: fewer leave the last principal directions to chance. */
const TOKENS_A_DIMENSION = 64;

/** Whether a run has boundaries to fit: projections, in a model that came without. */
async function wantsFit(config: RunConfig): Promise<boolean> {
  const {compression, pipeline} = config;
  const {initialModel, boundaryStart, hiddenSize} = config.model;
  const stages = stageCount(config);
  if (initialModel === null || boundaryStart !== 'pca' || stages === 1) return false;
  const {model: boundaries} = methodPlan(compression, {stages, hiddenSize, wire: pipeline.wire});
  if (boundaries == null || (boundaries.kind ?? 'projection') !== 'projection') return false;
  const source = await readConfig(openFolder(await findModelFolder(initialModel)));
  return source.mapl == null;
}

/**
 * Turns the model a run starts from into a compressed one: boundaries fitted to its activations on the run's training text.
 * Done once, before the stages come up; they load it from `start/` in the run's folder.
 *
 * @return The folder; null where there is nothing to fit.
 */
export async function fitStart(
  args: {config: RunConfig; run: {file(name: string): string}; title: string; log: Log},
  text: LoadedText,
): Promise<string | null> {
  const {config, run, title, log} = args;
  if (!(await wantsFit(config))) return null;
  const {vocabSize} = text.tokenizer;
  const {batchSize, context, seed} = config.training;
  const rows = batchSize / config.pipeline.microbatches;
  const wanted = TOKENS_A_DIMENSION * config.model.hiddenSize;
  const count = Math.ceil(wanted / (rows * context));
  const {train: tokens} = text.data.tokens;
  const reader = new TokenBatches({tokens, batchSize: rows, context, vocabSize, seed});
  log(`${title}: fitting boundaries to ${path.basename(config.model.initialModel as string)}`);
  const model = await buildModel(config, vocabSize);
  const batches = Array.from({length: count}, () => {
    const {ids, shape} = reader.next();
    return tf.tensor2d(ids, shape, 'int32');
  });
  try {
    for (const {name, capturedEnergy, restored} of await initialiseBoundaries(model, batches)) {
      log(
        `${title}: ${name} keeps ${formatShare(capturedEnergy)} of the residual, restores ` +
          `${formatShare(restored)} of the activation`,
      );
    }
    const folder = run.file('start');
    await saveLlama(model, folder);
    return folder;
  } finally {
    tf.dispose(batches);
    model.dispose();
  }
}
