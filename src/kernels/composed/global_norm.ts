/** Composed reference of `GlobalNorm`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {GlobalNorm} from '../kernel_names.js';

registerComposed(GlobalNorm, (inputs) => {
  const tensors = Object.keys(inputs).map((_, i) => inputs[i]);
  return tf.stack(tensors.map((tensor) => tf.sum(tf.square(tensor))));
});
