/**
 * `BoundaryEncode` on `webgpu`: `z = x A − E[ids] (P A)` as the one product `[x, −E[ids]]·[A; P A]`, whose left operand is
 * read where it lies: no gathered rows in memory. The small product `P A [a,r]` comes first, in a program of its own.
 */
import type {BoundaryEncodeInputs} from '../kernel_names.js';
import {ANCHOR_ENTRY} from './boundary_anchors.js';
import {defineProgram, webgpuKernel} from './program.js';
import {
  planProduct,
  PRODUCT_INVOCATIONS,
  PRODUCT_UNIFORMS,
  productText,
  PUT_PLAIN,
  sumOfParts,
  type ProductConstants,
} from './tiled_product.js';

/** `P A`. */
const anchorsInSubspace = defineProgram({
  name: 'BoundaryEncodeBasis',
  inputs: ['basis', 'projector'],
  outputs: ['result'],
  uniforms: {...PRODUCT_UNIFORMS, width: 'i32'},
  workgroupSize: PRODUCT_INVOCATIONS,
  code: (constants: ProductConstants) =>
    productText(
      constants,
      [
        {
          left: 'basis[row * uniforms.width + k]',
          right: 'projector[k * uniforms.columns + column]',
          leftByRow: false,
          rightByColumn: true,
          inner: 'uniforms.width',
        },
      ],
      PUT_PLAIN,
    ),
});

const encode = defineProgram({
  name: 'BoundaryEncode',
  inputs: ['x', 'ids', 'projector', 'anchors', 'turned'],
  outputs: ['result'],
  uniforms: {...PRODUCT_UNIFORMS, width: 'i32', vocabulary: 'i32', anchorRank: 'i32'},
  workgroupSize: PRODUCT_INVOCATIONS,
  code: (constants: ProductConstants) => `
  ${ANCHOR_ENTRY}
  ${productText(
    constants,
    [
      {
        left: 'x[row * uniforms.width + k]',
        right: 'projector[k * uniforms.columns + column]',
        leftByRow: false,
        rightByColumn: true,
        inner: 'uniforms.width',
      },
      {
        left: '-anchorEntry(row, k)',
        right: 'turned[k * uniforms.columns + column]',
        leftByRow: false,
        rightByColumn: true,
        inner: 'uniforms.anchorRank',
      },
    ],
    PUT_PLAIN,
  )}`,
});

export const boundaryEncode = webgpuKernel<BoundaryEncodeInputs>(
  (backend, {x, ids, projector, anchors, basis}) => {
    const [rows, width] = x.shape;
    const rank = projector.shape[1];
    const [vocabulary, anchorRank] = anchors.shape;

    const small = planProduct(1, anchorRank, rank, width, true);
    const smallParts = small.uniforms.parts;
    const [written] = anchorsInSubspace(backend, {
      inputs: {basis, projector},
      outputs: {result: {shape: [smallParts, anchorRank, rank]}},
      uniforms: {...small.uniforms, width},
      constants: small.constants,
      workgroups: small.uniforms.items,
    });
    const turned = sumOfParts(backend, written, smallParts, anchorRank * rank, [anchorRank, rank]);

    const {constants, uniforms} = planProduct(1, rows, rank, width, true);
    const [z] = encode(backend, {
      inputs: {x, ids, projector, anchors, turned},
      outputs: {result: {shape: [uniforms.parts, rows, rank]}},
      uniforms: {...uniforms, width, vocabulary, anchorRank},
      constants,
      workgroups: uniforms.items,
    });
    backend.disposeData(turned.dataId);
    return sumOfParts(backend, z, uniforms.parts, rows * rank, [rows, rank]);
  },
);
