/** Composed reference of `BoundaryEncode`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {BoundaryEncode} from '../kernel_names.js';

/**
 * `z = x A − E[ids](P A)`, published (MAPL, section 3) as `(x − E[ids] P) A`. The order of the products is ours: `P A`
 * is `[a,r]`, so no `d`-wide anchor is built on the sending side.
 */
registerComposed(BoundaryEncode, ({x, ids, projector, anchors, basis}) => {
  const anchorsInSubspace = tf.matMul(basis, projector);
  const rows = tf.gather(anchors, ids as tf.Tensor1D);
  return tf.sub(tf.matMul(x, projector), tf.matMul(rows, anchorsInSubspace));
});
