/** Kernels of the `webgpu` backend: WGSL for this package's own, and those of tfjs-webgpu that are mended. */
import * as tf from '@tensorflow/tfjs-core';
import {registerOnFirstUse} from '../ensure_kernel.js';
import * as names from '../kernel_names.js';
import {adamWUpdate} from './adamw_update.js';
import {batchMatMulKernel, fusedMatMulKernel} from './batch_mat_mul.js';
import {boundaryDecode} from './boundary_decode.js';
import {boundaryEncode} from './boundary_encode.js';
import {causalAttention} from './causal_attention.js';
import {causalAttentionGrad} from './causal_attention_grad.js';
import {gatherKernel} from './gather.js';
import {globalNorm} from './global_norm.js';
import {muonUpdate} from './muon_update.js';
import {packHalf, unpackHalf} from './pack_half.js';
import {polarFactor} from './polar_factor.js';
import {rmsNorm} from './rms_norm.js';
import {rmsNormGrad} from './rms_norm_grad.js';
import {rotaryEmbedding} from './rotary_embedding.js';
import {rvqDecode} from './rvq_decode.js';
import {rvqEncode} from './rvq_encode.js';
import {scatterRows} from './scatter_rows.js';
import {sparseCrossEntropy} from './sparse_cross_entropy.js';
import {sparseCrossEntropyGrad} from './sparse_cross_entropy_grad.js';
import {swiglu, swigluGrad} from './swiglu.js';
import {transposeKernel} from './transpose.js';

const KERNELS: ReadonlyArray<readonly [name: string, kernel: tf.KernelFunc]> = [
  [names.BoundaryDecode, boundaryDecode],
  [names.BoundaryEncode, boundaryEncode],
  [names.CausalAttention, causalAttention],
  [names.CausalAttentionGrad, causalAttentionGrad],
  [names.PolarFactor, polarFactor],
  [names.RmsNorm, rmsNorm],
  [names.RmsNormGrad, rmsNormGrad],
  [names.RotaryEmbedding, rotaryEmbedding],
  [names.RvqDecode, rvqDecode],
  [names.RvqEncode, rvqEncode],
  [names.ScatterRows, scatterRows],
  [names.SparseCrossEntropy, sparseCrossEntropy],
  [names.SparseCrossEntropyGrad, sparseCrossEntropyGrad],
  [names.SwiGLU, swiglu],
  [names.SwiGLUGrad, swigluGrad],
  [names.AdamWUpdate, adamWUpdate],
  [names.MuonUpdate, muonUpdate],
  [names.GlobalNorm, globalNorm],
  [names.PackHalf, packHalf],
  [names.UnpackHalf, unpackHalf],
];

/** What replaces kernels of tfjs-webgpu's, made from them. */
const MENDED: ReadonlyArray<
  readonly [name: string, mend: (kernel: tf.KernelFunc) => tf.KernelFunc]
> = [
  [tf.Transpose, transposeKernel],
  [tf.BatchMatMul, batchMatMulKernel],
  [tf._FusedMatMul, fusedMatMulKernel],
  [tf.GatherV2, gatherKernel],
];

const mended = new WeakSet<tf.KernelFunc>();

/**
 * Registers them for the `webgpu` backend, in place of what is registered under their names. To be called after
 * `@tensorflow/tfjs-backend-webgpu` has been imported; calling it again changes nothing.
 */
export function registerWebgpuKernels(): void {
  for (const [name, mend] of MENDED) {
    const original = tf.getKernel(name, 'webgpu');
    if (original == null || mended.has(original.kernelFunc)) continue;
    const kernelFunc = mend(original.kernelFunc);
    mended.add(kernelFunc);
    tf.unregisterKernel(name, 'webgpu');
    tf.registerKernel({...original, kernelFunc});
  }
  for (const [kernelName, kernelFunc] of KERNELS) {
    if (tf.getKernel(kernelName, 'webgpu') != null) tf.unregisterKernel(kernelName, 'webgpu');
    tf.registerKernel({kernelName, backendName: 'webgpu', kernelFunc});
  }
}

registerOnFirstUse('webgpu', registerWebgpuKernels);
