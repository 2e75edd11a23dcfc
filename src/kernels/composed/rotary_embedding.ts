/** Composed reference of `RotaryEmbedding`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {RotaryEmbedding} from '../kernel_names.js';

/** `[x₁ cos − x₂ sin, x₂ cos + x₁ sin]` with `x₁`, `x₂` the two halves of the last axis (Hugging Face's layout). */
registerComposed(RotaryEmbedding, ({x, cos, sin}) => {
  const [first, second] = tf.split(x, 2, -1);
  return tf.concat(
    [
      tf.sub(tf.mul(first, cos), tf.mul(second, sin)),
      tf.add(tf.mul(second, cos), tf.mul(first, sin)),
    ],
    -1,
  );
});
