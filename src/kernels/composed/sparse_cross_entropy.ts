/** Composed references of `SparseCrossEntropy` and `SparseCrossEntropyGrad`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {SparseCrossEntropy, SparseCrossEntropyGrad} from '../kernel_names.js';
import {oneHot} from './one_hot.js';

/** The target's logit is read by one gather over the flattened logits: no one-hot, no gather along two axes. */
registerComposed(SparseCrossEntropy, ({logits, targets}) => {
  const [rows, classes] = logits.shape;
  const largest = tf.max(logits, -1, true);
  const total = tf.sum(tf.exp(tf.sub(logits, largest)), -1);
  const top = tf.reshape(largest, [rows]);
  const log = tf.log(total);
  const starts = tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(classes, 'int32'));
  const at = tf.add(starts, targets) as tf.Tensor1D;
  const picked = tf.gather(tf.reshape(logits, [rows * classes]), at);
  // Added to a logit of thousands first, the logarithm would keep few of its digits.
  return [tf.add(log, tf.sub(top, picked)), tf.add(top, log)];
});

registerComposed(SparseCrossEntropyGrad, ({logits, targets, lse, dloss}) => {
  const [rows, classes] = logits.shape;
  const probabilities = tf.exp(tf.sub(logits, tf.reshape(lse, [rows, 1])));
  const hot = oneHot(targets, classes);
  return tf.mul(tf.sub(probabilities, hot), tf.reshape(dloss, [rows, 1]));
});
