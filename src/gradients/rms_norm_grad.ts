/** Gradient of `RmsNorm`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/rms_norm.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RmsNorm, RmsNormGrad} from '../kernels/kernel_names.js';

/**
 * One fused kernel for both parts. It runs when the gradient function is called, not in the parts: those run each in a
 * scope of their own, in which the part computed too early would be freed.
 */
export const rmsNormGradConfig: tf.GradConfig = {
  kernelName: RmsNorm,
  inputsToSave: ['x', 'weight'],
  gradFunc: (dy, [x, weight], attrs) => {
    const inputs = {x, weight, dy: dy as tf.Tensor};
    const [dx, dweight] = runKernel<tf.Tensor[]>(RmsNormGrad, inputs, attrs);
    return {x: () => dx, weight: () => dweight};
  },
};

tf.registerGradient(rmsNormGradConfig);
