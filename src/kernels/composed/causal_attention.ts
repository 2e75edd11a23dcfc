/** Composed references of `CausalAttention` and `CausalAttentionGrad`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {CausalAttention, CausalAttentionGrad} from '../kernel_names.js';

/** Score of keys that a query must not see. Finite: `−∞ + ∞` would be NaN. */
const HIDDEN = -1e30;

/** Sizes of one call. Query heads `j·h/g … (j+1)·h/g − 1` use key/value head `j`. */
function sizes(q: tf.Tensor, k: tf.Tensor) {
  const [batch, heads, queries, width] = q.shape;
  const [, groups, keys] = k.shape;
  return {batch, heads, queries, width, groups, keys, perGroup: heads / groups};
}

/** `[tq,1]`: the last key that each query may see. */
function lastSeenKeys(queries: number, keys: number): tf.Tensor2D {
  return tf.reshape(tf.range(keys - queries, keys, 1, 'float32'), [queries, 1]);
}

/** bool `[tq,tk]`: whether query `i` may see key `j`, that is `j <= tk − tq + i`. */
function seenKeys(queries: number, keys: number): tf.Tensor2D {
  const key = tf.reshape(tf.range(0, keys, 1, 'float32'), [1, keys]);
  return tf.lessEqual(key, lastSeenKeys(queries, keys));
}

/**
 * Scores `[b·g, h/g, tq, tk]`, masked. The heads of a group are stacked along the rows, so that one batched product of
 * `b·g` pairs serves all of them and sums their gradients for `k` and `v`.
 */
function maskedScores(q: tf.Tensor, k: tf.Tensor, scale: number): tf.Tensor4D {
  const {batch, queries, width, groups, keys, perGroup} = sizes(q, k);
  const stackedQ = tf.reshape(q, [batch * groups, perGroup * queries, width]);
  const stackedK = tf.reshape(k, [batch * groups, keys, width]);
  const scores = tf.mul(tf.matMul(stackedQ, stackedK, false, true), scale);
  const byHead = tf.reshape(scores, [batch * groups, perGroup, queries, keys]);
  // Chosen, not added: a key that is NaN or infinite leaves queries before it alone.
  return tf.where(seenKeys(queries, keys), byHead, HIDDEN) as tf.Tensor4D;
}

registerComposed(CausalAttention, ({q, k, v}, attrs) => {
  const {batch, heads, queries, width, groups, keys, perGroup} = sizes(q, k);
  const scores = maskedScores(q, k, attrs.scale as number);
  const largest = tf.max(scores, -1, true);
  const weights = tf.exp(tf.sub(scores, largest));
  const total = tf.sum(weights, -1, true);
  const probabilities = tf.div(weights, total);
  const out = tf.matMul(
    tf.reshape(probabilities, [batch * groups, perGroup * queries, keys]),
    tf.reshape(v, [batch * groups, keys, width]),
  );
  const lse = tf.add(largest, tf.log(total));
  return [
    tf.reshape(out, [batch, heads, queries, width]),
    tf.reshape(lse, [batch, heads, queries]),
  ];
});

/**
 * With probabilities `p = exp(s − lse)` recomputed and `D = Σ dout · out` per query: `dv = pᵀ dout`,
 * `ds = p (dout vᵀ − D)`, `dq = scale · ds k`, `dk = scale · dsᵀ q`.
 *
 * The weight of a key that is seen alone is 1 whatever its score: there `ds` is a difference of equals, of which rounding would
 * leave something. It is taken times 0.
 */
registerComposed(CausalAttentionGrad, ({q, k, v, out, lse, dout}, attrs) => {
  const scale = attrs.scale as number;
  const {batch, queries, width, groups, keys, perGroup} = sizes(q, k);
  const stacked = [batch * groups, perGroup * queries, width];
  const byHead = [batch * groups, perGroup, queries, 1];
  const flat = [batch * groups, perGroup * queries, keys];
  const probabilities = tf.exp(tf.sub(maskedScores(q, k, scale), tf.reshape(lse, byHead)));
  const flatProbabilities = tf.reshape(probabilities, flat);
  const stackedDout = tf.reshape(dout, stacked);
  const stackedV = tf.reshape(v, [batch * groups, keys, width]);
  const dv = tf.matMul(flatProbabilities, stackedDout, true, false);
  const dp = tf.matMul(stackedDout, stackedV, false, true);
  const rowDot = tf.reshape(tf.sum(tf.mul(dout, out), -1), [batch * groups, perGroup * queries, 1]);
  const slopes = tf.reshape(tf.mul(flatProbabilities, tf.sub(dp, rowDot)), probabilities.shape);
  const factor = tf.where(tf.greater(lastSeenKeys(queries, keys), 0), scale, 0);
  const ds = tf.reshape(tf.mul(slopes, factor), flat);
  const dq = tf.matMul(ds, tf.reshape(k, [batch * groups, keys, width]));
  const dk = tf.matMul(ds, tf.reshape(q, stacked), true, false);
  return [tf.reshape(dq, q.shape), tf.reshape(dk, k.shape), tf.reshape(dv, v.shape)];
});
