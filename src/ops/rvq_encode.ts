import * as tf from '@tensorflow/tfjs-core';
import '../gradients/rvq_encode_grad.js';
import '../kernels/composed/rvq_encode.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {RvqEncode} from '../kernels/kernel_names.js';
import {checkMinRank, toFloatTensor} from './checks.js';
import {emptyResult} from './empty_result.js';
import {checkFinite, toCodebooks} from './rvq_checks.js';

function rvqEncode_(z: tf.Tensor | tf.TensorLike, codebooks: tf.Tensor | tf.TensorLike): tf.Tensor {
  const op = 'rvqEncode';
  const $z = toFloatTensor(z, 'z', op);
  checkMinRank($z, 1, '[..., r]', 'z', op);
  checkFinite($z, 'z', op);
  const $codebooks = toCodebooks(codebooks, op);
  const [rounds, groups, codes, width] = $codebooks.shape;
  const rank = $z.shape[$z.rank - 1];
  if (rank !== groups * width) {
    const mend =
      rank % groups === 0
        ? `${groups} groups of it need codes of width ${rank / groups}`
        : `it cannot be cut into ${groups} groups of one width: choose a number of groups that divides it`;
    throw new Error(
      `${op}: the last dimension of 'z' is ${rank}; expected ${groups * width}, G·(r/G) of 'codebooks' ` +
        `[${$codebooks.shape}]; ${mend}.`,
    );
  }
  const leading = $z.shape.slice(0, -1);
  const shape = [rounds, ...leading, groups];
  if ($z.size === 0) {
    return emptyResult(shape, [$z, $codebooks], 'int32');
  }
  if (codes > 2 ** 24) {
    throw new Error(`${op}: 'codebooks' have ${codes} codes; expected at most 2^24.`);
  }
  const indices = runKernel<tf.Tensor>(RvqEncode, {
    z: tf.reshape($z, [-1, rank]),
    codebooks: $codebooks,
  });
  return tf.reshape(indices, shape);
}

/**
 * Residual vector quantisation of each row: `ρ₀ = z; k_i = argmin_k ‖ρ_{i−1} − c_k‖²; ρ_i = ρ_{i−1} − c_{k_i}` for rounds
 * `i = 1 … R`, in each of `G` groups of neighbouring columns by itself.
 *
 * Published: the residual loop as in SoundStream and EnCodec; MAPL (arXiv 2606.05484) splits `z` into groups and rounds like
 * that. Distances are squared Euclidean ones of differences in float32; of equally near codes the lowest index wins. Not
 * differentiable (the gradient is zero): a quantiser replaces it, see `residualVectorQuantizer`.
 *
 * @param z `[..., r]`, float32, finite.
 * @param codebooks `[R, G, K, r/G]`, float32, finite: rounds, groups, codes, width.
 * @returns Indices `0 … K − 1`, int32: `[R, n, G]` for `z [n, r]`; in general `[R, ..., G]`.
 * @throws Error that names the argument if a shape, a dtype or a value does not fit. On `webgpu` values that an op on the GPU made
 *   cannot be checked: where a row's group holds NaN or infinity its indices are −1, of which `rvqDecode` makes NaN.
 */
export const rvqEncode = /* @__PURE__ */ tf.op({rvqEncode_});
