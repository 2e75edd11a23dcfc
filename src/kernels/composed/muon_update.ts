/** Composed reference of `MuonUpdate`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {MuonUpdate} from '../kernel_names.js';

/** `m ← β m + (1 − β) g`; the direction is `m`, or with Nesterov's look ahead `β m + (1 − β) g` once more. */
registerComposed(MuonUpdate, ({momentum, gradient}, attrs) => {
  const beta = attrs.beta as number;
  const share = tf.mul(gradient, 1 - beta);
  const mean = tf.add(tf.mul(momentum, beta), share);
  const direction = attrs.nesterov ? tf.add(tf.mul(mean, beta), share) : tf.clone(mean);
  return [mean, direction];
});
