/** Gradient of `BoundaryDecode`. */
import * as tf from '@tensorflow/tfjs-core';
import './tfjs_gradients.js';
import '../kernels/composed/scatter_rows.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {BoundaryDecode, ScatterRows} from '../kernels/kernel_names.js';

/**
 * With `G = dx̂` (chain rule; method.md section 4): `dz = G A`, the receiver half `dA = Gᵀ z`,
 * `dE[t] = Σ_{ids=t} G Pᵀ` and `dP = E[ids]ᵀ G`. Each part is computed only if its input is being differentiated.
 */
export const boundaryDecodeGradConfig: tf.GradConfig = {
  kernelName: BoundaryDecode,
  inputsToSave: ['z', 'ids', 'projector', 'anchors', 'basis'],
  gradFunc: (dy, saved) => {
    const dx = dy as tf.Tensor2D;
    const [z, ids, projector, anchors, basis] = saved as tf.Tensor2D[];
    const indices = ids as tf.Tensor as tf.Tensor1D;
    return {
      z: () => tf.matMul(dx, projector),
      ids: () => tf.zeros(ids.shape),
      projector: () => tf.matMul(dx, z, true, false),
      anchors: () => {
        const rows = tf.matMul(dx, basis, false, true);
        return runKernel<tf.Tensor>(
          ScatterRows,
          {rows, ids: indices},
          {numSegments: anchors.shape[0]},
        );
      },
      basis: () => tf.matMul(tf.gather(anchors, indices), dx, true, false),
    };
  },
};

tf.registerGradient(boundaryDecodeGradConfig);
