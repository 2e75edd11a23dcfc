/** A training step of this package. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {train} from '../../src/optimizers/index.js';
import type {Batch, Step} from '../step_task.js';

/** With AdamW; `projectors`: the model has boundaries, whose projectors are trained by SPEL. */
export function ourStep(model: tfl.LayersModel, batch: Batch, projectors: boolean): Step {
  const {learningRate} = batch;
  const ids = tf.tensor2d(batch.ids, batch.shape, 'int32');
  const targets = tf.tensor2d(batch.targets, batch.shape, 'int32');
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const adamw = train.adamw({learningRate});
  const optimizer = projectors
    ? train.groups([
        {match: /projector$/, optimizer: train.spel({learningRate})},
        {match: true, optimizer: adamw},
      ])
    : adamw;
  return async () => {
    const {value, grads} = tf.variableGrads(() => {
      const logits = model.apply(ids, {training: true}) as tf.Tensor;
      return sparseCrossEntropy(logits, targets) as tf.Scalar;
    }, variables);
    optimizer.applyGradients(grads);
    const [loss] = await value.data();
    tf.dispose([value, grads]);
    return loss;
  };
}
