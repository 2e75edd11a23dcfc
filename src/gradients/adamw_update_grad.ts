/** Gradient of `AdamWUpdate`: for whatever is learned through the optimizer's own step. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import {adamWFactors} from '../kernels/composed/adamw_update.js';
import {AdamWUpdate, type AdamWUpdateAttrs} from '../kernels/kernel_names.js';

/**
 * With `w' = keep·w − s·m' / q` and `q = √v' + ε`, the new moments receive
 *
 *     dm' − dw'·s / q        dv' + dw'·s·m' / (2 q² √v')
 *
 * and hand it on by `m' = β₁ m + (1 − β₁) g`, `v' = β₂ v + (1 − β₂) g²`. At `v' = 0`, where the square root has no
 * derivative and `g = 0`, the second share counts as zero, so that an entry that never had a gradient stays a number.
 */
export const adamWUpdateGradConfig: tf.GradConfig = {
  kernelName: AdamWUpdate,
  inputsToSave: ['gradient'],
  outputsToSave: [false, true, true],
  gradFunc: (dy, [gradient, m, v], attrs) => {
    const [dValue, dFirst, dSecond] = dy as tf.Tensor[];
    const factors = adamWFactors(attrs as unknown as AdamWUpdateAttrs);
    const root = tf.sqrt(v);
    const quotient = tf.add(root, factors.epsilon);
    const share = tf.div(tf.mul(dValue, factors.stepSize), quotient);
    const toFirst = tf.sub(dFirst, share);
    const slope = tf.divNoNan(tf.mul(share, m), tf.mul(tf.mul(quotient, root), 2));
    const toSecond = tf.add(dSecond, slope);
    return {
      value: () => tf.mul(dValue, factors.keepValue),
      gradient: () =>
        tf.add(
          tf.mul(toFirst, factors.newFirst),
          tf.mul(tf.mul(toSecond, gradient), 2 * factors.newSecond),
        ),
      first: () => tf.mul(toFirst, 1 - factors.newFirst),
      second: () => tf.mul(toSecond, factors.keepSecond),
    };
  },
};

tf.registerGradient(adamWUpdateGradConfig);
