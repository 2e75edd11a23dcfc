/** The two formulas of a boundary, with or without anchors. */
import * as tf from '@tensorflow/tfjs-core';
import {boundaryDecode} from '../ops/boundary_decode.js';
import {boundaryEncode} from '../ops/boundary_encode.js';
import type {AnchorEmbedding} from './anchor_embedding.js';

/** `z = (x − E[ids] P) A`: `x [b,t,d]`, `ids int32 [b,t]`, `projector [d,r]` → `[b,t,r]`; `x A` without anchors. */
export function encodeBoundary(
  x: tf.Tensor3D,
  ids: tf.Tensor2D,
  projector: tf.Tensor2D,
  anchors: AnchorEmbedding | null,
): tf.Tensor3D {
  if (anchors == null) {
    return product(x, projector, false);
  }
  if (anchors.basis == null) {
    return product(tf.sub(x, tf.reshape(anchors.rows(ids), x.shape)), projector, false);
  }
  const table = anchors.table.read() as tf.Tensor2D;
  const basis = anchors.basis.read() as tf.Tensor2D;
  return boundaryEncode(x, ids, projector, table, basis) as tf.Tensor3D;
}

/** `x̂ = z Aᵀ + E[ids] P`: `z [b,t,r]`, `ids int32 [b,t]`, `projector [d,r]` → `[b,t,d]`; `z Aᵀ` without anchors. */
export function decodeBoundary(
  z: tf.Tensor3D,
  ids: tf.Tensor2D,
  projector: tf.Tensor2D,
  anchors: AnchorEmbedding | null,
): tf.Tensor3D {
  if (anchors == null) {
    return product(z, projector, true);
  }
  if (anchors.basis == null) {
    const inside = product(z, projector, true);
    return tf.add(inside, tf.reshape(anchors.rows(ids), inside.shape));
  }
  const table = anchors.table.read() as tf.Tensor2D;
  const basis = anchors.basis.read() as tf.Tensor2D;
  return boundaryDecode(z, ids, projector, table, basis) as tf.Tensor3D;
}

/** Rank 2 on purpose: the gradient of tfjs' batched product does not sum over a broadcast weight. */
function product(x: tf.Tensor3D, projector: tf.Tensor2D, transpose: boolean): tf.Tensor3D {
  const [b, t, width] = x.shape;
  const flat = tf.reshape(x, [b * t, width]);
  const out = tf.matMul(flat, projector, false, transpose);
  return tf.reshape(out, [b, t, projector.shape[transpose ? 0 : 1]]);
}
