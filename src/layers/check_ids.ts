/** Token ids outside a vocabulary are an error here, not a read of someone else's memory in a kernel. */
import * as tf from '@tensorflow/tfjs-core';

interface Range {
  min: number;
  max: number;
}

/** Ranges of id tensors already read: the same ids pass the embedding and each boundary of a model. */
const ranges = new WeakMap<object, Range>();

/**
 * Throws if an id is not in `[0, vocabSize)`. The ids are read synchronously, once per tensor; on `webgpu`, where that
 * is not possible from inside a graph, only ids that are still in main memory are checked (the kernels there never read
 * out of bounds).
 *
 * @param ids int32, any shape.
 * @param vocabSize Rows of the table the ids point into.
 * @param where Begins the message: the layer that found it.
 */
export function checkIds(ids: tf.Tensor, vocabSize: number, where: string): void {
  if (ids.dtype !== 'int32') {
    throw new Error(
      `${where}: token ids have dtype ${ids.dtype}, expected int32: make them with ` +
        `tf.tensor2d(values, shape, 'int32'), and the model's input with tf.input({shape: [null], dtype: 'int32'}).`,
    );
  }
  const range = rangeOf(ids);
  if (range != null && (range.min < 0 || range.max >= vocabSize)) {
    const id = range.min < 0 ? range.min : range.max;
    throw new Error(
      `${where}: token id ${id} is outside the vocabulary, expected 0 to ${vocabSize - 1}: ` +
        `encode the text with the tokenizer of this model, or build the model with a larger vocabSize.`,
    );
  }
}

function rangeOf(ids: tf.Tensor): Range | null {
  const known = ranges.get(ids.dataId);
  if (known != null) {
    return known;
  }
  const values = valuesOf(ids);
  if (values == null || values.length === 0) {
    return null;
  }
  const range = {min: values[0], max: values[0]};
  for (let i = 0; i < values.length; i++) {
    range.min = Math.min(range.min, values[i]);
    range.max = Math.max(range.max, values[i]);
  }
  ranges.set(ids.dataId, range);
  return range;
}

function valuesOf(ids: tf.Tensor): ArrayLike<number> | null {
  if (tf.getBackend() !== 'webgpu') {
    return ids.dataSync();
  }
  const backend = tf.backend() as unknown as {
    tensorMap?: {get(id: object): {values?: ArrayLike<number> | null} | undefined};
  };
  return backend.tensorMap?.get(ids.dataId)?.values ?? null;
}
