/** Composed reference of `GlobalNorm`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {GlobalNorm} from '../kernel_names.js';

/** Elements from which a plain sum in float32, as wasm's, is off by more than 1e-5. */
const LONG = 4096;

/** `Σ x²`. Sums of tfjs-wasm add one element after the other: there, long tensors are summed by rows of about `√size`. */
function sumOfSquares(x: tf.Tensor): tf.Tensor {
  if (x.size < LONG || tf.getBackend() !== 'wasm') return tf.sum(tf.square(x));
  const width = Math.floor(Math.sqrt(x.size));
  const rows = Math.floor(x.size / width);
  const squares = tf.square(tf.reshape(x, [-1]));
  const body = tf.sum(tf.reshape(tf.slice(squares, 0, rows * width), [rows, width]), 1);
  return tf.add(tf.sum(body), tf.sum(tf.slice(squares, rows * width)));
}

registerComposed(GlobalNorm, (inputs) =>
  tf.stack(Object.keys(inputs).map((_, i) => sumOfSquares(inputs[i]))),
);
