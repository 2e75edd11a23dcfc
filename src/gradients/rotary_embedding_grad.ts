/** Gradient of `RotaryEmbedding`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/rotary_embedding.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RotaryEmbedding} from '../kernels/kernel_names.js';

/** A rotation's gradient is the rotation back: the same kernel with `−sin`. */
export const rotaryEmbeddingGradConfig: tf.GradConfig = {
  kernelName: RotaryEmbedding,
  inputsToSave: ['x', 'cos', 'sin'],
  gradFunc: (dy, [x, cos, sin]) => {
    const dout = dy as tf.Tensor;
    const halves = () => [...tf.split(x, 2, -1), ...tf.split(dout, 2, -1)];
    return {
      x: () => runKernel<tf.Tensor>(RotaryEmbedding, {x: dout, cos, sin: tf.neg(sin)}),
      cos: () => {
        const [first, second, dFirst, dSecond] = halves();
        return tf.sum(tf.add(tf.mul(dFirst, first), tf.mul(dSecond, second)), [0, 1]);
      },
      sin: () => {
        const [first, second, dFirst, dSecond] = halves();
        return tf.sum(tf.sub(tf.mul(dSecond, first), tf.mul(dFirst, second)), [0, 1]);
      },
    };
  },
};

tf.registerGradient(rotaryEmbeddingGradConfig);
