import * as tf from '@tensorflow/tfjs-core';
import '../gradients/rvq_decode_grad.js';
import '../kernels/composed/rvq_decode.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RvqDecode} from '../kernels/kernel_names.js';
import {readableValues} from './check_ids.js';
import {checkMinRank, checkSize, toIdTensor} from './checks.js';
import {emptyResult} from './empty_result.js';
import {toCodebooks} from './rvq_checks.js';

function rvqDecode_(
  indices: tf.Tensor | tf.TensorLike,
  codebooks: tf.Tensor | tf.TensorLike,
): tf.Tensor {
  const op = 'rvqDecode';
  const $indices = toIdTensor(indices, 'indices', op);
  const $codebooks = toCodebooks(codebooks, op);
  checkMinRank($indices, 2, '[R, ..., G], such as [R, n, G]', 'indices', op);
  const [rounds, groups, codes, width] = $codebooks.shape;
  const {shape} = $indices;
  checkSize(shape[0], rounds, `the first dimension of 'indices'`, `the rounds of 'codebooks'`, op);
  const last = shape[shape.length - 1];
  checkSize(last, groups, `the last dimension of 'indices'`, `the groups of 'codebooks'`, op);
  checkCodes($indices, codes, op);
  const leading = shape.slice(1, -1);
  if ($indices.size === 0) {
    return emptyResult([...leading, groups * width], [$codebooks]);
  }
  const z = runKernel<tf.Tensor>(RvqDecode, {
    indices: tf.reshape($indices, [rounds, -1, groups]),
    codebooks: $codebooks,
  });
  return tf.reshape(z, [...leading, groups * width]);
}

/** Throws on the first index that is no code; like ids, where values can be read without waiting for a GPU. */
function checkCodes(indices: tf.Tensor, codes: number, op: string): void {
  const values = readableValues(indices);
  for (let i = 0; values != null && i < values.length; i++) {
    if (values[i] < 0 || values[i] >= codes) {
      const at = tf.util.indexToLoc(i, indices.rank, tf.util.computeStrides(indices.shape));
      throw new Error(
        `${op}: 'indices'[${at}] is ${values[i]}; expected 0 to ${codes - 1}: 'codebooks' has ${codes} codes. ` +
          (values[i] === -1
            ? `On a GPU rvqEncode gives -1 for values that are NaN or infinite.`
            : `Check that they were encoded with codebooks of this size.`),
      );
    }
  }
}

/**
 * The vectors that indices of `rvqEncode` stand for: `ẑ = Σ_i c_{k_i}` over the rounds, added in their order.
 *
 * Published: see `rvqEncode`. Differentiable in the codebooks: each code gets the sum of the gradients of the rows that
 * chose it.
 *
 * @param indices int32 `[R, n, G]`, or `[R, ..., G]`, each `0 … K − 1`.
 * @param codebooks `[R, G, K, r/G]`, float32, finite.
 * @returns `[n, r]`, or `[..., r]`, float32.
 * @throws Error that names the argument if a shape, a dtype or an index does not fit. On `webgpu` an index that an op on the GPU
 *   made and that is no code gives NaN instead.
 */
export const rvqDecode = /* @__PURE__ */ tf.op({rvqDecode_});
