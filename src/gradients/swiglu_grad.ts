/** Gradient of `SwiGLU`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/swiglu.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {SwiGLU, SwiGLUGrad} from '../kernels/kernel_names.js';

/** One fused kernel for both parts, run when the gradient function is called (see `rms_norm_grad.ts`). */
export const swigluGradConfig: tf.GradConfig = {
  kernelName: SwiGLU,
  inputsToSave: ['gate', 'up'],
  gradFunc: (dy, [gate, up]) => {
    const [dgate, dup] = runKernel<tf.Tensor[]>(SwiGLUGrad, {gate, up, dy: dy as tf.Tensor});
    return {gate: () => dgate, up: () => dup};
  },
};

tf.registerGradient(swigluGradConfig);
