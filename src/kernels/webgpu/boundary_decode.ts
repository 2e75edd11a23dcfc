/**
 * `BoundaryDecode` on `webgpu`: `x̂ = z Aᵀ + E[ids] P` as the one product `[z, E[ids]]·[Aᵀ; P]`, in one program that
 * reads all operands where they lie: no gathered rows, no concatenation, no transposed projector in memory.
 */
import type {BoundaryDecodeInputs} from '../kernel_names.js';
import {ANCHOR_ENTRY} from './boundary_anchors.js';
import {defineProgram, webgpuKernel} from './program.js';
import {
  planProduct,
  PRODUCT_INVOCATIONS,
  PRODUCT_UNIFORMS,
  productText,
  PUT_PLAIN,
  type ProductConstants,
} from './tiled_product.js';

const decode = defineProgram({
  name: 'BoundaryDecode',
  inputs: ['z', 'ids', 'projector', 'anchors', 'basis'],
  outputs: ['result'],
  uniforms: {...PRODUCT_UNIFORMS, rank: 'i32', vocabulary: 'i32', anchorRank: 'i32'},
  workgroupSize: PRODUCT_INVOCATIONS,
  code: (constants: ProductConstants) => `
  ${ANCHOR_ENTRY}
  ${productText(
    constants,
    [
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
    PUT_PLAIN,
  )}`,
});

export const boundaryDecode = webgpuKernel<BoundaryDecodeInputs>(
  (backend, {z, ids, projector, anchors, basis}) => {
    const [rows, rank] = z.shape;
    const width = projector.shape[0];
    const [vocabulary, anchorRank] = anchors.shape;
    const {constants, uniforms} = planProduct(1, rows, width, rank, false);
    const [x] = decode(backend, {
      inputs: {z, ids, projector, anchors, basis},
      outputs: {result: {shape: [rows, width]}},
      uniforms: {...uniforms, rank, vocabulary, anchorRank},
      constants,
      workgroups: uniforms.items,
    });
    return x;
  },
);
