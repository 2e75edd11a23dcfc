/** Composed reference of `ScatterRows`, the gradient of reading rows of a table by id. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {ScatterRows} from '../kernel_names.js';
import {oneHot} from './one_hot.js';

/** At most this many entries of a one-hot matrix at once: 64 MiB, half of WebGPU's default binding limit. */
const ONE_HOT_ENTRIES = 2 ** 24;

/** Sums on the host, row by row. */
function onHost(rows: tf.Tensor, ids: tf.Tensor, numSegments: number): tf.Tensor {
  const width = rows.shape[1]!;
  const values = rows.dataSync();
  const sums = new Float32Array(numSegments * width);
  ids.dataSync().forEach((id, i) => {
    for (let j = 0; j < width; j++) {
      sums[id * width + j] += values[i * width + j];
    }
  });
  return tf.tensor(sums, [numSegments, width]);
}

/** Sums as products with one-hot matrices, a few rows at a time. */
function byProduct(rows: tf.Tensor2D, ids: tf.Tensor1D, numSegments: number): tf.Tensor {
  const [count, width] = rows.shape;
  const chunk = Math.max(1, Math.floor(ONE_HOT_ENTRIES / numSegments));
  let sums: tf.Tensor = tf.zeros([numSegments, width]);
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    const next = tf.tidy(() => {
      const hot = oneHot(tf.slice(ids, start, size), numSegments);
      const part = tf.slice(rows, [start, 0], [size, width]);
      return tf.add(sums, tf.matMul(hot, part, true, false));
    });
    sums.dispose();
    sums = next;
  }
  return sums;
}

/**
 * `unsortedSegmentSum` where it will do. Not on `cpu`, where it makes one pass over all rows per segment, nor on plain
 * `wasm`, which has none: there the host adds. Nor on `webgpu`, whose atomics add in whatever order its threads run, so
 * that the last bits change from run to run.
 */
registerComposed(ScatterRows, ({rows, ids}, attrs) => {
  const numSegments = attrs.numSegments as number;
  switch (tf.getBackend()) {
    case 'cpu':
    case 'wasm':
      return onHost(rows, ids, numSegments);
    case 'webgpu':
      return byProduct(rows as tf.Tensor2D, ids as tf.Tensor1D, numSegments);
    default:
      return tf.unsortedSegmentSum(rows, ids as tf.Tensor1D, numSegments);
  }
});
