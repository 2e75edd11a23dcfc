import * as tf from '@tensorflow/tfjs-core';

/**
 * `[n, depth]`, 1 where `ids [n]` says and 0 elsewhere. Unlike `tf.oneHot` it takes a depth of 1, and it is float32 on wasm,
 * whose kernel writes integers whatever dtype was asked for.
 */
export function oneHot(ids: tf.Tensor, depth: number): tf.Tensor2D {
  const column = tf.reshape(ids, [-1, 1]);
  return tf.cast(tf.equal(column, tf.range(0, depth, 1, 'int32')), 'float32') as tf.Tensor2D;
}
