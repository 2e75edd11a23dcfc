/** This package: `ours.ts <backend> <folder>`. Writes the initial weights and the batch to the folder if it is empty. */
import {existsSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {selectBackend} from '../../src/backends/index.js';
import {llama, saveLlama} from '../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {train} from '../../src/optimizers/index.js';
import {BATCH_FILE, CONFIG, makeBatch, readBatch} from '../step_task.js';
import {answerLines} from './answer_lines.js';

const [backend, folder] = process.argv.slice(2);
const {description} = await selectBackend({prefer: backend});
const model = llama(CONFIG);
if (!existsSync(path.join(folder, BATCH_FILE))) {
  await saveLlama(model, folder);
  writeFileSync(path.join(folder, BATCH_FILE), JSON.stringify(makeBatch()));
}
const batch = readBatch(folder);
const ids = tf.tensor2d(batch.ids, batch.shape, 'int32');
const targets = tf.tensor2d(batch.targets, batch.shape, 'int32');
const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
const optimizer = train.adamw({learningRate: batch.learningRate});

await answerLines({description}, async () => {
  const {value, grads} = tf.variableGrads(() => {
    const logits = model.apply(ids, {training: true}) as tf.Tensor;
    return sparseCrossEntropy(logits, targets) as tf.Scalar;
  }, variables);
  optimizer.applyGradients(grads);
  const [loss] = await value.data();
  tf.dispose([value, grads]);
  return loss;
});
