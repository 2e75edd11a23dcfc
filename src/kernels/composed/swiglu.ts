/** Composed references of `SwiGLU` and `SwiGLUGrad`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {SwiGLU, SwiGLUGrad} from '../kernel_names.js';

registerComposed(SwiGLU, ({gate, up}) => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up));

/** With `σ = sigmoid(gate)`: `dgate = dy up σ (1 + gate (1 − σ))`, `dup = dy gate σ`. */
registerComposed(SwiGLUGrad, ({gate, up, dy}) => {
  const sigma = tf.sigmoid(gate);
  const dsilu = tf.mul(sigma, tf.add(tf.mul(gate, tf.sub(1, sigma)), 1));
  return [tf.mul(tf.mul(dy, up), dsilu), tf.mul(dy, tf.mul(gate, sigma))];
});
