/** Fast kernels of the `tensorflow` backend. */
import * as tf from '@tensorflow/tfjs-core';
import {loadNativeOps, nativeOpsHaveCuda} from './load_native_ops.js';
import {NATIVE_KERNELS, nativeKernelConfig} from './native_kernels.js';
import type {NodeBackend} from './node_backend.js';

/** Options of {@link registerTensorflowKernels}. */
export interface TensorflowKernelOptions {
  /**
   * Path of the library of our TensorFlow ops, as `findNativeOps()` gives it; null where there is none. Without it the
   * composed references serve; also where TensorFlow drives a GPU and the library was built without nvcc.
   */
  nativeOps?: string | null;
}

/**
 * Registers them, in place of what is registered under their names. To be called when `tensorflow` is the current backend;
 * calling it again changes nothing.
 *
 * @throws Error if the library is named but cannot be loaded
 */
export function registerTensorflowKernels({nativeOps = null}: TensorflowKernelOptions = {}): void {
  const backend = tf.findBackend('tensorflow') as unknown as NodeBackend | null;
  if (nativeOps == null || backend == null) return;
  loadNativeOps(nativeOps);
  if (backend.isUsingGpuDevice && !nativeOpsHaveCuda()) return;
  for (const [name, native] of Object.entries(NATIVE_KERNELS)) {
    if (tf.getKernel(name, 'tensorflow') != null) tf.unregisterKernel(name, 'tensorflow');
    tf.registerKernel(nativeKernelConfig(name, native));
  }
}
