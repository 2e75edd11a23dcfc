/** Gradient of `BoundaryEncode`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/scatter_rows.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {BoundaryEncode, ScatterRows} from '../kernels/kernel_names.js';

/**
 * With `G = dz` (chain rule; method.md section 4): `dx = G Aᵀ`, `dE[t] = −Σ_{ids=t} G (P A)ᵀ`, the sender half
 * `dA = xᵀG − Pᵀ(E[ids]ᵀG)` and `dP = −(E[ids]ᵀG) Aᵀ`. Nothing `d` wide is built for the anchors. Each part is computed
 * only if its input is being differentiated.
 */
export const boundaryEncodeGradConfig: tf.GradConfig = {
  kernelName: BoundaryEncode,
  inputsToSave: ['x', 'ids', 'projector', 'anchors', 'basis'],
  gradFunc: (dy, saved) => {
    const dz = dy as tf.Tensor2D;
    const [x, ids, projector, anchors, basis] = saved as tf.Tensor2D[];
    const indices = ids as tf.Tensor as tf.Tensor1D;
    const anchorGram = () => tf.matMul(tf.gather(anchors, indices), dz, true, false);
    return {
      x: () => tf.matMul(dz, projector, false, true),
      ids: () => tf.zeros(ids.shape),
      projector: () =>
        tf.sub(tf.matMul(x, dz, true, false), tf.matMul(basis, anchorGram(), true, false)),
      anchors: () => {
        const rows = tf.neg(tf.matMul(dz, tf.matMul(basis, projector), false, true));
        return runKernel<tf.Tensor>(
          ScatterRows,
          {rows, ids: indices},
          {numSegments: anchors.shape[0]},
        );
      },
      basis: () => tf.neg(tf.matMul(anchorGram(), projector, false, true)),
    };
  },
};

tf.registerGradient(boundaryEncodeGradConfig);
