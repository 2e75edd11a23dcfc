/** WebGPU in Node: Dawn from the npm package `webgpu`, on a GPU, else on the SwiftShader that Chromium brings. */
import type {Gpu} from './webgpu.js';
import {deviceOf} from './webgpu.js';

/** The npm package `webgpu`. */
interface Dawn {
  create(options: string[]): Gpu;
  globals: Record<string, unknown>;
}

/** Where Chromium and Chrome keep SwiftShader and a Vulkan loader. */
const CHROMIUM_FOLDERS = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
  '/opt/chromium.org/chromium',
  '/snap/chromium/current/usr/lib/chromium-browser',
];

/** glibc's RTLD_NODELETE: the library stays although Node closes it again, since it is no module of Node's. */
const RTLD_NODELETE = 0x1000;

let started: Promise<void> | undefined;

/**
 * Puts `navigator.gpu` in place. Takes a GPU if the system's Vulkan (Metal, Direct3D) has one, else SwiftShader.
 *
 * @throws Error if the package `webgpu` is missing or neither is found
 */
export function startDawn(): Promise<void> {
  started ??= start();
  return started;
}

async function start(): Promise<void> {
  if ((globalThis.navigator as {gpu?: Gpu} | undefined)?.gpu != null) return;
  let dawn: Dawn;
  try {
    dawn = (await import(/* webpackIgnore: true */ 'webgpu')) as unknown as Dawn;
  } catch (error) {
    throw new Error(
      `The npm package 'webgpu' is missing or does not load (${(error as Error).message.split('\n')[0]}). ` +
        'Run: npm install webgpu',
      {cause: error},
    );
  }
  Object.assign(globalThis, dawn.globals);
  const os = await import('node:os');
  const linux = process.platform === 'linux';
  const load = (file: string) => loadLibrary(file, os.constants.dlopen.RTLD_NOW | RTLD_NODELETE);

  // Without a Vulkan loader Dawn would only print a warning and find nothing.
  if (!linux || load('libvulkan.so.1')) {
    const gpu = dawn.create([]);
    const adapter = await gpu.requestAdapter({powerPreference: 'high-performance'});
    if (adapter != null && (deviceOf(adapter) === 'gpu' || process.env.VK_DRIVER_FILES)) {
      return installGpu(gpu);
    }
  }
  const folder = await findSwiftShader();
  if (folder == null) {
    throw new Error(
      'No GPU is found, and no Chromium whose SwiftShader could stand in for one. Install a Vulkan driver, or ' +
        'Chromium (Debian, Ubuntu: apt-get install chromium).',
    );
  }
  // Both are looked at by the Vulkan loader when an instance is made.
  process.env.VK_DRIVER_FILES = `${folder}/vk_swiftshader_icd.json`;
  load(`${folder}/libvulkan.so.1`);
  const gpu = dawn.create([]);
  if ((await gpu.requestAdapter({powerPreference: 'high-performance'})) == null) {
    throw new Error(`Dawn finds no adapter with the SwiftShader in ${folder}.`);
  }
  installGpu(gpu);
}

/** Folder of a Chromium with SwiftShader, or null. `CHROME_BIN` names a Chromium in another place. */
export async function findSwiftShader(folders = CHROMIUM_FOLDERS): Promise<string | null> {
  const {existsSync, realpathSync} = await import('node:fs');
  const path = await import('node:path');
  const named = process.env.CHROME_BIN;
  const all =
    named && existsSync(named) ? [path.dirname(realpathSync(named)), ...folders] : folders;
  return all.find((folder) => existsSync(path.join(folder, 'vk_swiftshader_icd.json'))) ?? null;
}

/** Loads a shared library into the process. Node says "did not self-register" of one that is loaded but no module. */
function loadLibrary(file: string, flags: number): boolean {
  try {
    process.dlopen({exports: {}}, file, flags);
    return true;
  } catch (error) {
    return /self-register/.test((error as Error).message);
  }
}

/** Node 21 and newer have a `navigator`, which cannot be replaced but can be added to. */
function installGpu(gpu: Gpu): void {
  if (globalThis.navigator == null) {
    const navigator = {userAgent: `Node.js/${process.versions.node.split('.')[0]}`};
    Object.defineProperty(globalThis, 'navigator', {value: navigator, configurable: true});
  }
  Object.defineProperty(globalThis.navigator, 'gpu', {value: gpu, configurable: true});
}
