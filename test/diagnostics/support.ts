/** A small model, text with something to learn, and its loss. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {seededRandom} from '../../src/data/random.js';
import {llama, type LlamaConfig} from '../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';

export const config: LlamaConfig = {
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 12,
  seed: 1,
};

/** Text with something to learn: each token is followed by one of two, and every third by its own double. */
export function textBatch(seed: number, rows = 16, time = 12): tf.Tensor2D {
  const random = seededRandom(seed);
  const ids: number[] = [];
  for (let row = 0; row < rows; row++) {
    let id = Math.floor(random() * 24);
    for (let t = 0; t < time; t++) {
      ids.push(id);
      id = id % 3 === 0 ? (2 * id + 1) % 24 : (id + (random() < 0.7 ? 5 : 11)) % 24;
    }
  }
  return tf.tensor2d(ids, [rows, time], 'int32');
}

/** Mean loss of predicting each next token. */
export function lossOf(model: tfl.LayersModel, ids: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const [rows, time] = ids.shape;
    const inputs = tf.slice(ids, [0, 0], [rows, time - 1]);
    const targets = tf.slice(ids, [0, 1], [rows, time - 1]);
    return sparseCrossEntropy(model.apply(inputs) as tf.Tensor, targets) as tf.Scalar;
  });
}

/** The number in a scalar, which is freed. */
export async function read(scalar: tf.Scalar): Promise<number> {
  const [value] = await scalar.data();
  scalar.dispose();
  return value;
}

/** The same model with boundaries at their random start. */
export function withBoundaries(
  source: tfl.LayersModel,
  mapl: LlamaConfig['mapl'],
): tfl.LayersModel {
  const model = llama({...config, mapl});
  for (const weight of source.weights) {
    model.weights.find((w) => w.originalName === weight.originalName)!.write(weight.read());
  }
  return model;
}
