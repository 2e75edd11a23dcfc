/** Reads what enters a layer while a model runs. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/**
 * Runs a model on batches of ids and hands on the first input of one of its layers.
 *
 * @param model int32 ids `[batch, time]` → anything.
 * @param layer A layer of the model.
 * @param batches int32 `[batch, time]`; they stay the caller's.
 * @param onBatch Called with the layer's input and the batch; the input is freed afterwards.
 * @throws Error if the layer has no part in the model.
 */
export async function watchInput(
  model: tfl.LayersModel,
  layer: tfl.layers.Layer,
  batches: readonly tf.Tensor2D[],
  onBatch: (input: tf.Tensor, ids: tf.Tensor2D) => Promise<void>,
): Promise<void> {
  for (const ids of batches) {
    let input: tf.Tensor | null = null;
    // tfjs' own hook: called with the layer's inputs, inside its tidy.
    layer.setCallHook((inputs) => {
      const [x] = Array.isArray(inputs) ? inputs : [inputs];
      input = tf.keep(tf.clone(x));
    });
    try {
      tf.dispose(model.predict(ids));
    } finally {
      layer.clearCallHook();
    }
    const seen = input as tf.Tensor | null;
    if (seen == null) {
      throw new Error(`watchInput: model '${model.name}' does not run its layer '${layer.name}'.`);
    }
    try {
      await onBatch(seen, ids);
    } finally {
      seen.dispose();
    }
  }
}
