/** Composed reference of `ScatterRows`, the gradient of reading rows of a table by id. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {ScatterRows} from '../kernel_names.js';

/** At most this many entries of a one-hot matrix at once: 64 MiB, half of WebGPU's default binding limit. */
const ONE_HOT_ENTRIES = 2 ** 24;

/**
 * Whether the backend's `UnsortedSegmentSum` may be used: WebGPU's adds with atomics, in whatever order its threads run,
 * so the last bits change from run to run; plain tfjs-wasm has none.
 */
function hasOrderedSegmentSum(): boolean {
  const backend = tf.getBackend();
  return backend !== 'webgpu' && tf.getKernel(tf.UnsortedSegmentSum, backend) != null;
}

registerComposed(ScatterRows, ({rows, ids}, attrs) => {
  const numSegments = attrs.numSegments as number;
  if (hasOrderedSegmentSum()) {
    return tf.unsortedSegmentSum(rows, ids as tf.Tensor1D, numSegments);
  }
  const [count, width] = rows.shape;
  const chunk = Math.max(1, Math.floor(ONE_HOT_ENTRIES / numSegments));
  let sums: tf.Tensor = tf.zeros([numSegments, width]);
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    const next = tf.tidy(() => {
      const some = tf.slice(ids as tf.Tensor1D, start, size);
      const hot = tf.cast(tf.oneHot(some, numSegments), 'float32');
      const part = tf.slice(rows as tf.Tensor2D, [start, 0], [size, width]);
      return tf.add(sums, tf.matMul(hot as tf.Tensor2D, part, true, false));
    });
    sums.dispose();
    sums = next;
  }
  return sums;
});
