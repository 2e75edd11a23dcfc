/**
 * The composed reference kernels, and their registration for whichever backend is in use.
 */
import * as tf from '@tensorflow/tfjs-core';

/** Kernel written with tfjs ops alone, so that it runs on every backend. */
export type ComposedKernel = (
  inputs: tf.NamedTensorMap,
  attrs: tf.NamedAttrMap,
) => tf.Tensor | tf.Tensor[];

const composed = new Map<string, ComposedKernel>();
const onFirstUse = new Map<string, () => void>();

/** Declares the composed reference of a kernel. Called once per kernel, at import. */
export function registerComposed(kernelName: string, kernel: ComposedKernel): void {
  composed.set(kernelName, kernel);
}

/** The composed reference of `kernelName`, for tests and for kernels that fall back to it. */
export function composedKernel(kernelName: string): ComposedKernel {
  const kernel = composed.get(kernelName);
  if (kernel == null) {
    throw new Error(`No composed reference is registered for kernel '${kernelName}'.`);
  }
  return kernel;
}

/** Names of all kernels that have a composed reference. */
export function composedKernelNames(): string[] {
  return [...composed.keys()];
}

/**
 * Has `register` called when the first op of this package runs on that backend, however the user brought it up. By then
 * tfjs has registered its own kernels, and those that `register` replaces stay replaced.
 */
export function registerOnFirstUse(backendName: string, register: () => void): void {
  onFirstUse.set(backendName, register);
}

/**
 * Makes sure that the current backend has a kernel of this name: its own, or else the composed reference.
 * Ops call it right before `runKernel`. Nested ops of a composed kernel are not recorded on the gradient tape, because
 * tfjs only records at kernel depth 0: the registered gradient is the only one.
 */
export function ensureKernel(kernelName: string): void {
  const backendName = tf.getBackend();
  const register = onFirstUse.get(backendName);
  if (register != null) {
    onFirstUse.delete(backendName);
    register();
  }
  if (tf.getKernel(kernelName, backendName) != null) {
    return;
  }
  const kernel = composedKernel(kernelName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({inputs, attrs}) =>
      tf.tidy(() => kernel(inputs as tf.NamedTensorMap, attrs ?? {}) as tf.Tensor),
  });
}

/**
 * Runs a kernel of this package on the current backend, registering its composed reference first where the backend has
 * no kernel of its own. Recorded on the gradient tape like any tfjs op.
 *
 * @param kernelName One of the names in `kernel_names.ts`.
 * @param inputs Tensors, in the shapes that the kernel's entry in `kernel_names.ts` lists.
 * @param attrs Attributes of the kernel.
 * @returns The kernel's output, or outputs in order.
 */
export function runKernel<T extends tf.Tensor | tf.Tensor[]>(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  attrs: tf.NamedAttrMap = {},
): T {
  ensureKernel(kernelName);
  return tf.engine().runKernel<T>(kernelName, inputs, attrs);
}
