/** The device of the `webgpu` backend, with the features that this package's kernels have paths for. */
import * as tf from '@tensorflow/tfjs-core';

/** The parts of `GPUAdapter` that are used here. */
interface Adapter {
  features: {has(name: string): boolean};
  limits: Record<string, number>;
  info?: unknown;
  requestDevice(descriptor: {
    requiredFeatures: string[];
    requiredLimits: Record<string, number>;
  }): Promise<unknown>;
}

interface TfjsWebgpu {
  WebGPUBackend: new (device: never, adapterInfo?: never) => tf.KernelBackend;
}

/** The first two are what tfjs asks for. */
const FEATURES = ['timestamp-query', 'bgra8unorm-storage', 'subgroups', 'shader-f16'];

/** Those that tfjs raises to what the adapter has, and the number of buffers of a program. */
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
  'maxStorageBuffersPerShaderStage',
];

/**
 * Has tfjs make its `webgpu` backend on a device with `subgroups` and `shader-f16`, where the adapter has them: tfjs-webgpu
 * 4.22 asks for neither. A backend that is up already is left as it is; it works without.
 *
 * @param library the module `@tensorflow/tfjs-backend-webgpu`, loaded
 */
export function registerWebgpuDevice(library: TfjsWebgpu): void {
  const {registry, backendName} = tf.engine();
  // The one that is current may still be under way: then it is not in the registry yet.
  if ('webgpu' in registry || backendName === 'webgpu') return;
  if (tf.findBackendFactory('webgpu') == null) return;
  tf.removeBackend('webgpu');
  const factory = async () => {
    const {gpu} = globalThis.navigator as unknown as {
      gpu: {requestAdapter(options: object): Promise<Adapter>};
    };
    const powerPreference = tf.env().get('WEBGPU_USE_LOW_POWER_GPU')
      ? 'low-power'
      : 'high-performance';
    const adapter = await gpu.requestAdapter({powerPreference});
    const device = await adapter.requestDevice({
      requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)),
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    });
    return new library.WebGPUBackend(device as never, adapter.info as never);
  };
  tf.registerBackend('webgpu', factory, 3 /* tfjs's own priority */);
}
