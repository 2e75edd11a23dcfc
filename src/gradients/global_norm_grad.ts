/** Gradient of `GlobalNorm`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import {GlobalNorm} from '../kernels/kernel_names.js';

/** `∂ Σ xᵢ² / ∂ xᵢ = 2 xᵢ`, times the gradient of that tensor's sum. */
export const globalNormGradConfig: tf.GradConfig = {
  kernelName: GlobalNorm,
  saveAllInputs: true,
  gradFunc: (dy, inputs) =>
    Object.fromEntries(
      inputs.map((x, i) => [
        i,
        () => tf.mul(x, tf.mul(tf.reshape(tf.slice(dy as tf.Tensor, i, 1), []), 2)),
      ]),
    ),
};

tf.registerGradient(globalNormGradConfig);
