import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {TokenBatch} from '../../data/token_batches.js';
import {sparseCrossEntropy} from '../../ops/sparse_cross_entropy.js';

/** Loss over held-out text. */
export interface Evaluation {
  /** Mean loss, nats a token. */
  loss: number;
  /** e to the loss. */
  perplexity: number;
  tokens: number;
}

/**
 * Measures a whole model on batches, each token weighted alike.
 *
 * @param model int32 ids `[batch, time]` → logits `[batch, time, vocab]`.
 * @param batches What to measure on.
 * @param onProgress Called with the share done.
 * @throws Error when the loss is no number.
 */
export async function evaluateModel(
  model: tfl.LayersModel,
  batches: TokenBatch[],
  onProgress: (share: number) => void = () => {},
): Promise<Evaluation> {
  let sum = 0;
  let tokens = 0;
  for (const [i, {ids, targets, shape}] of batches.entries()) {
    const loss = tf.tidy(() => {
      const logits = model.predict(tf.tensor2d(ids, shape, 'int32')) as tf.Tensor3D;
      return sparseCrossEntropy(logits, tf.tensor2d(targets, shape, 'int32')) as tf.Scalar;
    });
    const [value] = await loss.data();
    loss.dispose();
    if (!Number.isFinite(value)) {
      throw new Error(`The loss of batch ${i} is ${value}: the model's weights are damaged.`);
    }
    sum += value * ids.length;
    tokens += ids.length;
    onProgress((i + 1) / batches.length);
  }
  const loss = sum / tokens;
  return {loss, perplexity: Math.exp(loss), tokens};
}
