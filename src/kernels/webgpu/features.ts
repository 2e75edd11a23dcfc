/** What a WebGPU device can do, found out once per device. */
import type {WebgpuBackend, WebgpuDevice} from './backend.js';

/** Features and limits that kernels choose their path by. */
export interface WebgpuFeatures {
  /** `subgroupAdd` and its kin. */
  subgroups: boolean;
  /** The type `f16` in shaders. */
  shaderF16: boolean;
  /** Bytes of one storage binding. */
  maxStorageBufferBindingSize: number;
  /** Bytes of one buffer. */
  maxBufferSize: number;
  maxStorageBuffersPerShaderStage: number;
  maxComputeWorkgroupsPerDimension: number;
  maxComputeInvocationsPerWorkgroup: number;
  maxComputeWorkgroupSizeX: number;
  /** Bytes of `var<workgroup>`. */
  maxComputeWorkgroupStorageSize: number;
}

/** WebGPU's defaults, which every device has: for a device that does not list a limit. */
const DEFAULT_LIMITS = {
  maxStorageBufferBindingSize: 134_217_728,
  maxBufferSize: 268_435_456,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16_384,
};

const probed = new WeakMap<WebgpuDevice, WebgpuFeatures>();

/**
 * Features of the backend's device. `subgroups` and `shaderF16` are those that were asked for when the device was made:
 * the backend that tfjs makes by itself has neither, the one of `selectBackend` has what the adapter has.
 */
export function webgpuFeatures(backend: WebgpuBackend): WebgpuFeatures {
  const {device} = backend;
  let features = probed.get(device);
  if (features == null) {
    const limits = {...DEFAULT_LIMITS};
    for (const name of Object.keys(limits) as (keyof typeof limits)[]) {
      limits[name] = device.limits[name] ?? limits[name];
    }
    features = {
      subgroups: device.features.has('subgroups'),
      shaderF16: device.features.has('shader-f16'),
      ...limits,
    };
    probed.set(device, features);
  }
  return features;
}

/** Has kernels believe in other features of the device while `run` runs: for tests of the paths without them. */
export function withWebgpuFeatures<T>(
  backend: WebgpuBackend,
  features: Partial<WebgpuFeatures>,
  run: () => T,
): T {
  const real = webgpuFeatures(backend);
  probed.set(backend.device, {...real, ...features});
  try {
    return run();
  } finally {
    probed.set(backend.device, real);
  }
}
