/** The `webgpu` backend: browsers, and Node through the npm package `webgpu` (Dawn). */
import {registerWebgpuKernels} from '../kernels/webgpu/index.js';
import {inNode, use, type Backend, type Device} from './backend.js';
import {registerWebgpuDevice} from './webgpu_device.js';

/** The parts of WebGPU's API that we look at. */
export interface Gpu {
  requestAdapter(options?: {powerPreference?: string}): Promise<GpuAdapter | null>;
}

export interface GpuAdapter {
  isFallbackAdapter?: boolean;
  info: {
    vendor: string;
    architecture: string;
    device: string;
    description: string;
    isFallbackAdapter?: boolean;
  };
}

export const webgpu: Backend = {
  name: 'webgpu',
  probe: async () => deviceOf(await findAdapter()),
  async up() {
    const adapter = await findAdapter();
    registerWebgpuDevice(await import('@tensorflow/tfjs-backend-webgpu'));
    registerWebgpuKernels();
    await use('webgpu');
    const {vendor, architecture, description} = adapter.info;
    return {
      name: 'webgpu',
      device: deviceOf(adapter),
      description: description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU',
    };
  },
};

/** Whether an adapter is a GPU, or software that stands in for one. */
export function deviceOf(adapter: GpuAdapter): Device {
  const {vendor, architecture, device, description, isFallbackAdapter} = adapter.info;
  const text = [vendor, architecture, device, description].join(' ');
  const software =
    isFallbackAdapter || adapter.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(text);
  return software ? 'software' : 'gpu';
}

/**
 * The adapter that tfjs will get as well.
 *
 * @throws Error if there is none, with the reason
 */
async function findAdapter(): Promise<GpuAdapter> {
  if (inNode()) {
    const {startDawn} = await import('./webgpu_node.js');
    await startDawn();
  }
  const {gpu} = globalThis.navigator as unknown as {gpu?: Gpu};
  if (gpu == null) throw new Error('This browser has no WebGPU (navigator.gpu).');
  const adapter = await gpu.requestAdapter({powerPreference: 'high-performance'});
  if (adapter == null) throw new Error('WebGPU has no adapter here.');
  return adapter;
}
