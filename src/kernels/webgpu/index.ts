/** Kernels of tfjs-webgpu that are mended. */
import * as tf from '@tensorflow/tfjs-core';
import {registerOnFirstUse} from '../ensure_kernel.js';
import {transposeKernel} from './transpose.js';

const mended = new WeakSet<tf.KernelFunc>();

/**
 * Registers them for the `webgpu` backend, in place of tfjs-webgpu's. To be called after
 * `@tensorflow/tfjs-backend-webgpu` has been imported; calling it again changes nothing.
 */
export function registerWebgpuKernels(): void {
  const original = tf.getKernel(tf.Transpose, 'webgpu');
  if (original == null || mended.has(original.kernelFunc)) return;
  const kernelFunc = transposeKernel(original.kernelFunc);
  mended.add(kernelFunc);
  tf.unregisterKernel(tf.Transpose, 'webgpu');
  tf.registerKernel({...original, kernelFunc});
}

registerOnFirstUse('webgpu', registerWebgpuKernels);
