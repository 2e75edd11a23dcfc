/** Which backends this browser has, bringing one up, and noticing when its device goes away. */
import * as tf from '@tensorflow/tfjs-core';
import {BACKENDS, selectBackend, setWasmFiles, type Device} from 'tfjs-mapl';
import {DeviceError} from './faults.js';

/** Fastest first. */
export const BACKEND_NAMES = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** What a backend would run on, or why it is missing. */
export type Probe = {device: Device; description: string} | {missing: string};

const DESCRIPTIONS: Record<Device, string> = {
  gpu: 'your GPU',
  cpu: 'the processor',
  software: 'a GPU emulated on the processor: right, but slow',
};

/** Looks at a backend without keeping anything of it. */
export async function probeBackend(name: BackendName): Promise<Probe> {
  try {
    if (name === 'webgpu' && !globalThis.isSecureContext) {
      throw new Error('WebGPU needs a page from https:// or from localhost.');
    }
    if (name === 'webgl') return probeWebgl();
    const device = await BACKENDS[name].probe();
    const description =
      name === 'cpu' ? 'plain JavaScript, for very small models' : DESCRIPTIONS[device];
    return {device, description};
  } catch (error) {
    return {missing: (error as Error).message};
  }
}

/** tfjs would also take WebGL 1 and 16-bit textures; gradients do not survive those. */
function probeWebgl(): Probe {
  const canvas = document.createElement('canvas');
  const gl = canvas.getContext('webgl2');
  if (gl == null) return {missing: 'This browser has no WebGL 2, or it is switched off.'};
  try {
    if (gl.getExtension('EXT_color_buffer_float') == null) {
      return {missing: 'WebGL here has no 32-bit floats (EXT_color_buffer_float).'};
    }
    const info = gl.getExtension('WEBGL_debug_renderer_info');
    const renderer = String(gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
    const device = /swiftshader|llvmpipe|software/i.test(renderer) ? 'software' : 'gpu';
    return {device, description: DESCRIPTIONS[device]};
  } finally {
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

/** The first that runs on a real device. */
export function bestBackend(probes: Record<BackendName, Probe>): BackendName {
  const works = (name: BackendName) => {
    const probe = probes[name];
    return 'device' in probe && probe.device !== 'software';
  };
  return BACKEND_NAMES.find(works) ?? 'cpu';
}

/** A backend that is up. */
export interface RunningBackend {
  name: BackendName;
  description: string;
  /** Rejects with a {@link DeviceError} when the device goes away; never resolves. */
  lost: Promise<never>;
  /** Throws what {@link lost} rejects with, if it has. */
  check(): void;
}

/**
 * Brings a backend up and makes it the current one.
 *
 * @throws Error that says what is missing
 */
export async function bringUp(name: BackendName): Promise<RunningBackend> {
  if (name === 'webgl') await import('@tensorflow/tfjs-backend-webgl');
  if (name === 'wasm') setWasmFiles(new URL('wasm/', document.baseURI).href);
  const {description} = await selectBackend({prefer: name});
  let failed: DeviceError | null = null;
  const lost = new Promise<never>((_, reject) => {
    watch(name, (message) => {
      failed ??= new DeviceError(message);
      reject(failed);
    });
  });
  // Whoever waits for a step hears of it; nobody may be waiting.
  lost.catch(() => {});
  const check = () => {
    if (failed == null && isGone(name)) failed = new DeviceError(WEBGL_LOST);
    if (failed != null) throw failed;
  };
  return {name, description, lost, check};
}

/** The parts of WebGPU's device that are looked at. */
interface GpuDevice extends EventTarget {
  lost: Promise<{reason: string; message: string}>;
}

function watch(name: BackendName, fail: (message: string) => void): void {
  if (name === 'webgpu') {
    const {device} = tf.backend() as unknown as {device: GpuDevice};
    void device.lost.then(({reason, message}) =>
      fail(`The GPU device was lost (${[reason, message].filter(Boolean).join(': ')}).`),
    );
    // Without this an allocation or a program that fails gives zeros, and training goes on with them.
    device.addEventListener('uncapturederror', (event) => {
      const {error} = event as Event & {error: Error};
      fail(`The GPU reported an error: ${error.message}`);
    });
  }
  if (name === 'webgl') {
    webglContext().canvas.addEventListener('webglcontextlost', () => fail(WEBGL_LOST));
  }
}

const WEBGL_LOST = 'The GPU was lost: the browser took the WebGL context away.';

/** The event comes a moment later than the loss; what is read in between is zeros. */
function isGone(name: BackendName): boolean {
  return name === 'webgl' && webglContext().isContextLost();
}

function webglContext(): WebGL2RenderingContext {
  return (tf.backend() as unknown as {gpgpu: {gl: WebGL2RenderingContext}}).gpgpu.gl;
}
