/**
 * `BoundaryEncode` on `webgpu`: `z = x A − E[ids] (P A)` as the one product `[x, −E[ids]]·[A; P A]`, whose left operand is
 * read where it lies: no gathered rows in memory. The small product `P A [a,r]` comes first, in a program of its own.
 */
import type {BoundaryEncodeInputs} from '../kernel_names.js';
import {ANCHOR_ENTRY} from './boundary_anchors.js';
import {defineProduct, planProduct} from './product.js';
import {webgpuKernel} from './program.js';

/** `P A`. */
const anchorsInSubspace = defineProduct({
  name: 'BoundaryEncodeBasis',
  inputs: ['basis', 'projector'],
  uniforms: {width: 'i32'},
  summands: () => [
    {
      left: 'basis[row * uniforms.width + k]',
      right: 'projector[k * uniforms.columns + column]',
      leftByRow: false,
      rightByColumn: true,
      inner: 'uniforms.width',
    },
  ],
});

const encode = defineProduct({
  name: 'BoundaryEncode',
  inputs: ['x', 'ids', 'projector', 'anchors', 'turned'],
  uniforms: {width: 'i32', vocabulary: 'i32', anchorRank: 'i32'},
  functions: ANCHOR_ENTRY,
  summands: () => [
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
});

export const boundaryEncode = webgpuKernel<BoundaryEncodeInputs>(
  (backend, {x, ids, projector, anchors, basis}) => {
    const [rows, width] = x.shape;
    const rank = projector.shape[1];
    const [vocabulary, anchorRank] = anchors.shape;
    const turned = anchorsInSubspace(backend, {
      inputs: {basis, projector},
      plan: planProduct(1, anchorRank, rank, width, true),
      shape: [anchorRank, rank],
      uniforms: {width},
      constants: {},
    });
    const z = encode(backend, {
      inputs: {x, ids, projector, anchors, turned},
      plan: planProduct(1, rows, rank, width, true),
      shape: [rows, rank],
      uniforms: {width, vocabulary, anchorRank},
      constants: {},
    });
    backend.disposeData(turned.dataId);
    return z;
  },
);
