/** Composed reference of `BoundaryDecode`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {BoundaryDecode} from '../kernel_names.js';

/**
 * `x̂ = z Aᵀ + E[ids] P` (published: MAPL, section 3), computed as the one product `[z, E[ids]]·[Aᵀ; P]` (ours), whose
 * inner size is `r + a`.
 */
registerComposed(BoundaryDecode, ({z, ids, projector, anchors, basis}) => {
  const rows = tf.gather(anchors, ids as tf.Tensor1D);
  const left = tf.concat([z, rows], 1);
  const right = tf.concat([tf.transpose(projector), basis], 0);
  return tf.matMul(left, right);
});
