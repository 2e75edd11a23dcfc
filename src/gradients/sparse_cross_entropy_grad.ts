/** Gradient of `SparseCrossEntropy`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/sparse_cross_entropy.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {SparseCrossEntropy, SparseCrossEntropyGrad} from '../kernels/kernel_names.js';

/** The log-sum-exp output exists for the fused kernel and is not differentiated. */
export const sparseCrossEntropyGradConfig: tf.GradConfig = {
  kernelName: SparseCrossEntropy,
  inputsToSave: ['logits', 'targets'],
  outputsToSave: [false, true],
  gradFunc: (dys, [logits, targets, lse]) => {
    const inputs = {logits, targets, lse, dloss: (dys as tf.Tensor[])[0]};
    return {
      logits: () => runKernel<tf.Tensor>(SparseCrossEntropyGrad, inputs),
      targets: () => tf.zeros(targets.shape),
    };
  },
};

tf.registerGradient(sparseCrossEntropyGradConfig);
