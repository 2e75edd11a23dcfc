/** Gradient of `RvqEncode`: none. */
import * as tf from '@tensorflow/tfjs-core';
import {RvqEncode} from '../kernels/kernel_names.js';

/**
 * Indices are piecewise constant, so the gradient is zero wherever it exists. Declared because tfjs throws where a gradient
 * passes a kernel that has none; quantisers put a gradient of their own around it (straight-through, rotation trick).
 */
export const rvqEncodeGradConfig: tf.GradConfig = {
  kernelName: RvqEncode,
  inputsToSave: ['z', 'codebooks'],
  gradFunc: (_dy, [z, codebooks]) => ({
    z: () => tf.zerosLike(z),
    codebooks: () => tf.zerosLike(codebooks),
  }),
};

tf.registerGradient(rvqEncodeGradConfig);
