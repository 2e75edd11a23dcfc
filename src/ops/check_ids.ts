/** Refuses ids that no table has a row for. */
import * as tf from '@tensorflow/tfjs-core';

/** Smallest and largest id of an id tensor's data, so that one batch crossing many boundaries is read once. */
const ranges = new WeakMap<object, {low: number; high: number}>();

/** The part of tfjs-webgpu that tells whether values are still on the host. */
interface HostValues {
  has(dataId: object): boolean;
  get(dataId: object): {values?: ArrayLike<number> | null};
}

/**
 * The values of `ids`, or null on `webgpu` once they have been uploaded: nothing can be read there without waiting for a
 * promise. So ids are checked on their first use there, and not at all when an op on the GPU made them: kernels then give NaN.
 */
export function readableValues(ids: tf.Tensor): ArrayLike<number> | null {
  if (tf.getBackend() !== 'webgpu') {
    return ids.dataSync();
  }
  const {tensorMap} = tf.backend() as unknown as {tensorMap: HostValues};
  return tensorMap.has(ids.dataId) ? (tensorMap.get(ids.dataId).values ?? null) : null;
}

/**
 * Throws if an id is negative or not below `size`. Without this a lookup would return zeros on one backend, another row on
 * a second and fail on a third.
 *
 * @param ids int32, any shape.
 * @param size Number of rows, that is the vocabulary's size.
 * @param name The argument's name, for messages.
 * @param table What has `size` rows, for messages.
 * @param op The op's name, for messages.
 */
export function checkIds(
  ids: tf.Tensor,
  size: number,
  name: string,
  table: string,
  op: string,
): void {
  let range = ranges.get(ids.dataId);
  if (range == null) {
    const values = readableValues(ids);
    if (values == null) {
      return;
    }
    range = {low: Infinity, high: -Infinity};
    for (let i = 0; i < values.length; i++) {
      range.low = Math.min(range.low, values[i]);
      range.high = Math.max(range.high, values[i]);
    }
    ranges.set(ids.dataId, range);
  }
  if (range.low >= 0 && range.high < size) {
    return;
  }
  const values = readableValues(ids) ?? [];
  const at = Array.prototype.findIndex.call(values, (id: number) => id < 0 || id >= size);
  const where =
    at < 0 ? '' : `[${tf.util.indexToLoc(at, ids.rank, tf.util.computeStrides(ids.shape))}]`;
  const id = at < 0 ? (range.low < 0 ? range.low : range.high) : values[at];
  throw new Error(
    `${op}: ${name}${where} = ${id} is outside the vocabulary: ${table} has ${size} rows, so ids go from 0 to ` +
      `${size - 1}. Check that the tokenizer belongs to this model.`,
  );
}
