/** What the two ops of residual vector quantisation check alike. */
import * as tf from '@tensorflow/tfjs-core';
import {readableValues} from './check_ids.js';
import {checkRank, toFloatTensor} from './checks.js';

/** Data known to hold numbers only, so that codebooks used many times are read once. */
const finite = new WeakSet<object>();

/**
 * Throws if a value is NaN or infinite: no code is nearest to it. On `webgpu` values are read only while they are still on
 * the host, as those of ids are.
 */
export function checkFinite(tensor: tf.Tensor, name: string, op: string): void {
  if (finite.has(tensor.dataId)) {
    return;
  }
  const values = readableValues(tensor);
  if (values == null) {
    return;
  }
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      const at = tf.util.indexToLoc(i, tensor.rank, tf.util.computeStrides(tensor.shape));
      throw new Error(
        `${op}: '${name}'[${at}] is ${values[i]}; expected finite numbers only. ` +
          `Look for what made it: a learning rate that is too high, a division by zero.`,
      );
    }
  }
  finite.add(tensor.dataId);
}

/** `codebooks` as a float32 tensor `[R, G, K, r/G]` without an empty axis, of finite numbers. */
export function toCodebooks(codebooks: tf.Tensor | tf.TensorLike, op: string): tf.Tensor4D {
  const tensor = toFloatTensor(codebooks, 'codebooks', op);
  checkRank(tensor, 4, '[R, G, K, r/G]: rounds, groups, codes, width', 'codebooks', op);
  if (tensor.size === 0) {
    throw new Error(
      `${op}: 'codebooks' has shape [${tensor.shape}]; expected at least 1 on every axis of [R, G, K, r/G].`,
    );
  }
  checkFinite(tensor, 'codebooks', op);
  return tensor as tf.Tensor4D;
}
