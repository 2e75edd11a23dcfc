/** Small models for the specs. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {LlamaConfig} from '../../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../../src/ops/index.js';

/** A LLaMA of a few thousand numbers. */
export const tiny: LlamaConfig = {
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 6,
  initializer_range: 0.3,
  seed: 3,
};

/** int32 ids `[rows, time]`. */
export function idsOf(rows: number[][]): tf.Tensor2D {
  return tf.tensor2d(rows, [rows.length, rows[0].length], 'int32');
}

/** Loss and gradients by `originalName`, as numbers; nothing is left behind. */
export async function lossAndGradients(
  model: tfl.LayersModel,
  inputs: number[][],
  targets: number[][],
): Promise<{loss: number; gradients: Map<string, Float32Array>}> {
  const [x, y] = [idsOf(inputs), idsOf(targets)];
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const forward = () => sparseCrossEntropy(model.apply(x) as tf.Tensor, y) as tf.Scalar;
  const {value, grads} = tf.variableGrads(forward, variables);
  const gradients = new Map<string, Float32Array>();
  for (const weight of model.trainableWeights) {
    gradients.set(weight.originalName, (await grads[weight.name].data()) as Float32Array);
  }
  const [loss] = await value.data();
  tf.dispose([x, y, value, ...Object.values(grads)]);
  return {loss, gradients};
}

/** Copies weights of the same `originalName`. */
export function copyWeights(from: tfl.LayersModel, to: tfl.LayersModel): void {
  for (const weight of to.weights) {
    const source = from.weights.find((other) => other.originalName === weight.originalName);
    if (source != null) weight.write(source.read());
  }
}

/** Euclidean norm. */
export function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
}
