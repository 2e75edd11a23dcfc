/** The same step in tfjs's own ops, with tfjs's Adam; nothing here registers kernels of this package. */
import * as tf from '@tensorflow/tfjs-core';
import {llama, type LlamaConfig} from '../../src/models/llama/index.js';
import {PlainLlama} from '../plain_llama.js';
import type {Batch, Step} from '../step_task.js';

export function plainStep(config: LlamaConfig, batch: Batch): Step {
  const weights = new Map(
    llama(config).trainableWeights.map((weight) => [
      weight.originalName.replace('/', '.'),
      weight.read() as tf.Variable,
    ]),
  );
  const model = new PlainLlama(config, weights);
  const ids = tf.tensor2d(batch.ids, batch.shape, 'int32');
  const targets = tf.tensor2d(batch.targets, batch.shape, 'int32');
  const optimizer = tf.train.adam(batch.learningRate);
  return async () => {
    const {value, grads} = tf.variableGrads(() => model.loss(ids, targets), [...weights.values()]);
    optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({name, tensor})));
    const [loss] = await value.data();
    tf.dispose([value, grads]);
    return loss;
  };
}
