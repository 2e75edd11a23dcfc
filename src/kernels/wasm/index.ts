/** Kernels that tfjs-wasm lacks or has in a slow form, and wasm versions of this package's own. */
import * as tf from '@tensorflow/tfjs-core';
import {registerOnFirstUse} from '../ensure_kernel.js';
import * as names from '../kernel_names.js';
import {batchMatMul} from './batch_mat_mul.js';
import {causalAttention, causalAttentionGrad} from './causal_attention.js';
import {fusedMatMul} from './fused_mat_mul.js';
import {gather} from './gather.js';
import {packHalf, unpackHalf} from './pack_half.js';
import {rmsNorm, rmsNormGrad} from './rms_norm.js';
import {rotaryEmbedding} from './rotary_embedding.js';
import {rvqDecode, rvqEncode} from './rvq.js';
import {scatterRows} from './scatter_rows.js';
import {sparseCrossEntropy, sparseCrossEntropyGrad} from './sparse_cross_entropy.js';
import {swiglu, swigluGrad} from './swiglu.js';
import {unsortedSegmentSum} from './unsorted_segment_sum.js';
import {wasmKernelConfig, type WasmKernel} from './wasm_backend.js';

const KERNELS: ReadonlyArray<readonly [name: string, kernel: WasmKernel]> = [
  [tf.BatchMatMul, batchMatMul],
  [tf._FusedMatMul, fusedMatMul],
  [tf.GatherV2, gather],
  [tf.UnsortedSegmentSum, unsortedSegmentSum],
  [names.CausalAttention, causalAttention],
  [names.CausalAttentionGrad, causalAttentionGrad],
  [names.PackHalf, packHalf],
  [names.UnpackHalf, unpackHalf],
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
];

/**
 * Registers them for the `wasm` backend, in place of tfjs-wasm's. To be called after `@tensorflow/tfjs-backend-wasm` has
 * been imported, before or after `tf.setBackend('wasm')`; calling it again changes nothing.
 */
export function registerWasmKernels(): void {
  for (const [name, kernel] of KERNELS) {
    if (tf.getKernel(name, 'wasm') != null) {
      tf.unregisterKernel(name, 'wasm');
    }
    tf.registerKernel(wasmKernelConfig(name, kernel));
  }
}

registerOnFirstUse('wasm', registerWasmKernels);
