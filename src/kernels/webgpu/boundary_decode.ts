/**
 * `BoundaryDecode` on `webgpu`: `x̂ = z Aᵀ + E[ids] P` as the one product `[z, E[ids]]·[Aᵀ; P]`, in one program that
 * reads all operands where they lie: no gathered rows, no concatenation, no transposed projector in memory.
 */
import type {BoundaryDecodeInputs} from '../kernel_names.js';
import {ANCHOR_ENTRY} from './boundary_anchors.js';
import {defineProduct, planProduct} from './product.js';
import {webgpuKernel} from './program.js';

const decode = defineProduct({
  name: 'BoundaryDecode',
  inputs: ['z', 'ids', 'projector', 'anchors', 'basis'],
  uniforms: {rank: 'i32', vocabulary: 'i32', anchorRank: 'i32'},
  functions: ANCHOR_ENTRY,
  summands: () => [
    {
      left: 'z[row * uniforms.rank + k]',
      right: 'projector[column * uniforms.rank + k]',
      leftByRow: false,
      rightByColumn: false,
      inner: 'uniforms.rank',
    },
    {
      left: 'anchorEntry(row, k)',
      right: 'basis[k * uniforms.columns + column]',
      leftByRow: false,
      rightByColumn: true,
      inner: 'uniforms.anchorRank',
    },
  ],
});

export const boundaryDecode = webgpuKernel<BoundaryDecodeInputs>(
  (backend, {z, ids, projector, anchors, basis}) => {
    const [rows, rank] = z.shape;
    const width = projector.shape[0];
    const [vocabulary, anchorRank] = anchors.shape;
    return decode(backend, {
      inputs: {z, ids, projector, anchors, basis},
      plan: planProduct(1, rows, width, rank, false),
      shape: [rows, width],
      uniforms: {rank, vocabulary, anchorRank},
      constants: {},
    });
  },
);
