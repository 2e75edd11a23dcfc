/** tfjs without this package's kernels: `plain.ts <backend> <folder>`, backend `wasm` or `tensorflow`. */
import {createRequire} from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import {setBackendEnvironment} from '../../src/backends/environment.js';
import {llama} from '../../src/models/llama/index.js';
import {PlainLlama} from '../plain_llama.js';
import {CONFIG, readBatch} from '../step_task.js';
import {answerLines} from './answer_lines.js';

const [backend, folder] = process.argv.slice(2);
// Not through `src/backends`, which registers the fast kernels.
if (backend === 'wasm') {
  await import('@tensorflow/tfjs-backend-wasm');
} else {
  setBackendEnvironment();
  createRequire(import.meta.url)('@tensorflow/tfjs-node');
}
await tf.setBackend(backend);
await tf.ready();

const model = llama(CONFIG);
const weights = new Map(
  model.trainableWeights.map((weight) => [
    weight.originalName.replace('/', '.'),
    weight.read() as tf.Variable,
  ]),
);
const plain = new PlainLlama(CONFIG, weights);
const batch = readBatch(folder);
const ids = tf.tensor2d(batch.ids, batch.shape, 'int32');
const targets = tf.tensor2d(batch.targets, batch.shape, 'int32');
const optimizer = tf.train.adam(batch.learningRate);

await answerLines({backend}, async () => {
  const {value, grads} = tf.variableGrads(() => plain.loss(ids, targets), [...weights.values()]);
  optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({name, tensor})));
  const [loss] = await value.data();
  tf.dispose([value, grads]);
  return loss;
});
