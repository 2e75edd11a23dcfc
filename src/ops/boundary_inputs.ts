/** What `boundaryEncode` and `boundaryDecode` share: their checks, and the call of the kernel. */
import * as tf from '@tensorflow/tfjs-core';
import {runKernel} from '../kernels/ensure_kernel.js';
import {checkIds} from './check_ids.js';
import {
  checkMinRank,
  checkRank,
  checkShape,
  checkSize,
  toFloatTensor,
  toIdTensor,
} from './checks.js';
import {emptyResult} from './empty_result.js';

/** The arguments of a boundary op, checked, with leading dimensions flattened to the kernels' shapes. */
export interface BoundaryInputs {
  /** `[n, width of the first argument]`. */
  rows: tf.Tensor2D;
  /** int32 `[n]`. */
  ids: tf.Tensor1D;
  projector: tf.Tensor;
  anchors: tf.Tensor;
  basis: tf.Tensor;
  /** Leading shape that the output gets back. */
  leading: number[];
  /** Width `d` of the activations. */
  width: number;
  /** Rank `r` of the boundary. */
  rank: number;
}

/**
 * @param first `x [..., d]` or `z [..., r]`.
 * @param firstName `x` or `z`.
 * @param firstAxis Which dimension of the projector the last one of `first` must match: 0 (d) or 1 (r).
 */
export function boundaryInputs(
  first: tf.Tensor | tf.TensorLike,
  firstName: string,
  firstAxis: 0 | 1,
  ids: tf.Tensor | tf.TensorLike,
  projector: tf.Tensor | tf.TensorLike,
  anchors: tf.Tensor | tf.TensorLike,
  basis: tf.Tensor | tf.TensorLike,
  op: string,
): BoundaryInputs {
  const $first = toFloatTensor(first, firstName, op);
  const $ids = toIdTensor(ids, 'ids', op);
  const $projector = toFloatTensor(projector, 'projector', op);
  const $anchors = toFloatTensor(anchors, 'anchors', op);
  const $basis = toFloatTensor(basis, 'basis', op);

  checkMinRank(
    $first,
    2,
    `[..., ${firstAxis === 0 ? 'd' : 'r'}] with at least one leading dimension`,
    firstName,
    op,
  );
  checkRank($projector, 2, '[d, r]', 'projector', op);
  checkRank($anchors, 2, '[V, a]', 'anchors', op);
  checkRank($basis, 2, '[a, d]', 'basis', op);

  const leading = $first.shape.slice(0, -1);
  const [width, rank] = $projector.shape as [number, number];
  if (rank < 1 || rank > width) {
    throw new Error(
      `${op}: 'projector' has shape [${width},${rank}], so rank r = ${rank} and width d = ${width}; expected ` +
        `1 <= r <= d. Is it transposed?`,
    );
  }
  const last = $first.shape[$first.rank - 1] as number;
  const rule = `the projector's ${firstAxis === 0 ? 'first' : 'second'} dimension`;
  checkSize(last, firstAxis === 0 ? width : rank, `the last dimension of '${firstName}'`, rule, op);
  const [basisRows, basisWidth] = $basis.shape as [number, number];
  const [vocabulary, anchorWidth] = $anchors.shape as [number, number];
  if (anchorWidth < 1) {
    throw new Error(
      `${op}: 'anchors' has shape [${$anchors.shape}]; expected [V, a] with a of 1 or more.`,
    );
  }
  checkSize(
    basisWidth,
    width,
    `the second dimension of 'basis'`,
    'the width d of the projector',
    op,
  );
  checkSize(
    basisRows,
    anchorWidth,
    `the first dimension of 'basis'`,
    'the width a of the anchors',
    op,
  );
  checkShape($ids.shape, leading, `'ids'`, `the leading dimensions of '${firstName}'`, op);
  checkIds($ids, vocabulary, 'ids', `'anchors'`, op);

  return {
    rows: tf.reshape($first, [-1, last]) as tf.Tensor2D,
    ids: tf.reshape($ids, [-1]) as tf.Tensor1D,
    projector: $projector,
    anchors: $anchors,
    basis: $basis,
    leading,
    width,
    rank,
  };
}

/**
 * Runs a boundary's kernel on `inputs`.
 *
 * @param firstName What the kernel calls the rows: `x` or `z`.
 * @param columns Width of the result.
 * @returns `[..., columns]`, with the leading shape that the arguments had.
 */
export function runBoundary(
  kernelName: string,
  firstName: string,
  {rows, ids, projector, anchors, basis, leading}: BoundaryInputs,
  columns: number,
): tf.Tensor {
  const shape = [...leading, columns];
  if (rows.size === 0) {
    return emptyResult(shape, [rows, projector, anchors, basis]);
  }
  const inputs = {[firstName]: rows, ids, projector, anchors, basis};
  return tf.reshape(runKernel<tf.Tensor>(kernelName, inputs), shape);
}
