/** Gradient of `PolarFactor`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/polar_factor_grad.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {PolarFactor, PolarFactorGrad} from '../kernels/kernel_names.js';

/**
 * See the composed `PolarFactorGrad` for the mathematics. Defined for matrices of full rank; near-singular ones have
 * gradients as large as the inverse of their smallest singular value.
 */
export const polarFactorGradConfig: tf.GradConfig = {
  kernelName: PolarFactor,
  inputsToSave: ['y'],
  outputsToSave: [true],
  gradFunc: (dy, [y, u], attrs) => ({
    y: () => runKernel<tf.Tensor>(PolarFactorGrad, {y, u, dy: dy as tf.Tensor}, attrs),
  }),
};

tf.registerGradient(polarFactorGradConfig);
