/** Gradient of `MuonUpdate`: for whatever is learned through the optimizer's own step. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import {MuonUpdate} from '../kernels/kernel_names.js';

/** Both outputs are linear in both inputs: mean `β m + (1 − β) g`, direction the mean, or `β mean + (1 − β) g`. */
export const muonUpdateGradConfig: tf.GradConfig = {
  kernelName: MuonUpdate,
  gradFunc: (dy, _, attrs) => {
    const [dMean, dDirection] = dy as tf.Tensor[];
    const {beta, nesterov} = attrs as {beta: number; nesterov: boolean};
    const through = (direct: number) => tf.add(dMean, tf.mul(dDirection, direct));
    return {
      momentum: () => tf.mul(through(nesterov ? beta : 1), beta),
      gradient: () => tf.mul(through(nesterov ? beta + 1 : 1), 1 - beta),
    };
  },
};

tf.registerGradient(muonUpdateGradConfig);
