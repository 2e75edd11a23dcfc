/** Bringing up the fastest backend that is present. */
import {checkOptions} from '../ops/check_options.js';
import type {Backend, BackendInfo, Device} from './backend.js';
import {cpu} from './cpu.js';
import {tensorflow} from './tensorflow.js';
import {wasm} from './wasm.js';
import {webgl} from './webgl.js';
import {webgpu} from './webgpu.js';

/** The backends this package knows, by their name in tfjs. */
export const BACKENDS: Record<string, Backend> = {tensorflow, webgpu, wasm, webgl, cpu};

/** Fastest first. A backend stands here once per kind of device it may find. */
const ORDER: {name: string; device: Device; why: string}[] = [
  {name: 'tensorflow', device: 'gpu', why: 'TensorFlow on a GPU is the fastest'},
  {name: 'webgpu', device: 'gpu', why: 'WebGPU on a GPU is the fastest that is present'},
  {name: 'tensorflow', device: 'cpu', why: 'TensorFlow is the fastest on a CPU'},
  {name: 'wasm', device: 'cpu', why: 'WebAssembly is the fastest that is present'},
  {name: 'webgpu', device: 'software', why: 'nothing faster than emulated WebGPU is present'},
  {name: 'webgl', device: 'gpu', why: 'nothing faster than WebGL is present'},
  {name: 'cpu', device: 'cpu', why: 'plain JavaScript is all there is'},
];

const DEVICE_NAMES: Record<Device, string> = {
  gpu: 'a GPU',
  cpu: 'the CPU',
  software: 'an emulated GPU',
};

/** What {@link selectBackend} may be told. */
export interface SelectBackendOptions {
  /** Take this backend and no other. */
  prefer?: string;
  /** The backends to choose from. Default: {@link BACKENDS}. */
  backends?: Record<string, Backend>;
}

/** Which backend was chosen and why. */
export interface BackendSelection extends BackendInfo {
  /** One clause, for people. */
  why: string;
  /** The faster ones that were not taken. */
  rejected: {name: string; reason: string}[];
}

/**
 * Brings up the fastest backend that works here and makes it the current one.
 *
 * @throws Error if the backend in `prefer` is unknown or does not work here, with its reason; without `prefer`, if none
 *     works; if it is told something else than `options`
 */
export async function selectBackend(options: SelectBackendOptions = {}): Promise<BackendSelection> {
  checkOptions('selectBackend', options, "selectBackend({prefer: 'wasm'})", ['prefer', 'backends']);
  const {prefer, backends = BACKENDS} = options;
  if (prefer != null) {
    const backend = backends[prefer];
    if (backend == null) {
      throw new Error(
        `backend '${prefer}' is not known; expected one of ${Object.keys(backends).join(', ')}.`,
      );
    }
    try {
      return {...(await backend.up()), why: 'it was asked for', rejected: []};
    } catch (error) {
      throw new Error(`backend '${prefer}' does not work here: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  const reasons = new Map<string, string>();
  const devices = new Map<string, Device | null>();
  for (const {name, device, why} of ORDER) {
    const backend = backends[name];
    if (backend == null) continue;
    try {
      if (!devices.has(name)) {
        devices.set(name, null);
        devices.set(name, await backend.probe());
      }
      const found = devices.get(name);
      if (found === device) {
        const info = await backend.up();
        reasons.delete(name);
        const rejected = [...reasons].map(([rejectedName, reason]) => ({
          name: rejectedName,
          reason,
        }));
        return {...info, why, rejected};
      }
      if (found != null) reasons.set(name, `it runs on ${DEVICE_NAMES[found]} here`);
    } catch (error) {
      devices.set(name, null);
      reasons.set(name, (error as Error).message);
    }
  }
  throw new Error(
    `No backend of TensorFlow.js works here. ${[...reasons].map(([n, r]) => `${n}: ${r}`).join(' ')}`,
  );
}
