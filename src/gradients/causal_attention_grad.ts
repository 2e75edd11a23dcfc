/** Gradient of `CausalAttention`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/causal_attention.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {CausalAttention, CausalAttentionGrad} from '../kernels/kernel_names.js';

/**
 * One fused kernel for all three parts, run when the gradient function is called (see `rms_norm_grad.ts`). The second
 * output, the log-sum-exp, exists for this kernel and is not differentiated: `causalAttention` does not return it.
 */
export const causalAttentionGradConfig: tf.GradConfig = {
  kernelName: CausalAttention,
  inputsToSave: ['q', 'k', 'v'],
  outputsToSave: [true, true],
  gradFunc: (dys, [q, k, v, out, lse], attrs) => {
    const inputs = {q, k, v, out, lse, dout: (dys as tf.Tensor[])[0]};
    const [dq, dk, dv] = runKernel<tf.Tensor[]>(CausalAttentionGrad, inputs, attrs);
    return {q: () => dq, k: () => dk, v: () => dv};
  },
};

tf.registerGradient(causalAttentionGradConfig);
