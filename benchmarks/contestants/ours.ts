/**
 * This package: `ours.ts <backend> <folder> [rank]`. Writes the initial weights and the batch to the folder if it is empty.
 * With a rank the model has a boundary of that rank behind each of its blocks, trained by SPEL.
 */
import {existsSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {selectBackend} from '../../src/backends/index.js';
import {llama, saveLlama} from '../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {train} from '../../src/optimizers/index.js';
import {BATCH_FILE, CONFIG, makeBatch, readBatch} from '../step_task.js';
import {answerLines} from './answer_lines.js';
import {profileByOp} from './profile_by_op.js';
import {withBoundaries} from './with_boundaries.js';

const [backend, folder, rank] = process.argv.slice(2);
const {description} = await selectBackend({prefer: backend});
const model = rank == null ? llama(CONFIG) : withBoundaries(llama(CONFIG), Number(rank));
if (!existsSync(path.join(folder, BATCH_FILE))) {
  await saveLlama(model, folder);
  writeFileSync(path.join(folder, BATCH_FILE), JSON.stringify(makeBatch()));
}
const batch = readBatch(folder);
const ids = tf.tensor2d(batch.ids, batch.shape, 'int32');
const targets = tf.tensor2d(batch.targets, batch.shape, 'int32');
const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
const adamw = train.adamw({learningRate: batch.learningRate});
const optimizer =
  rank == null
    ? adamw
    : train.groups([
        {match: /projector$/, optimizer: train.spel({learningRate: batch.learningRate})},
        {match: true, optimizer: adamw},
      ]);

async function step(): Promise<number> {
  const {value, grads} = tf.variableGrads(() => {
    const logits = model.apply(ids, {training: true}) as tf.Tensor;
    return sparseCrossEntropy(logits, targets) as tf.Scalar;
  }, variables);
  optimizer.applyGradients(grads);
  const [loss] = await value.data();
  tf.dispose([value, grads]);
  return loss;
}

await answerLines({description}, step, () => profileByOp(step));
