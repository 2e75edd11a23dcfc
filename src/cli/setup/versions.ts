/** What `setup` fetches: the one place where versions are pinned. */
import {SetupError} from './setup_error.js';

/** TensorFlow's release. Its C API is the one that tfjs-node's binding is compiled against. */
export const TENSORFLOW_VERSION = '2.21.0';

/** Release of tfjs-node that gets the binding. */
export const TFJS_NODE_VERSION = '4.22.0';

/** `gpu`: with CUDA. */
export type Variant = 'cpu' | 'gpu';

/** A wheel as pip is asked for it. */
export interface WheelSpec {
  /** Requirement, with version or range. */
  requirement: string;
  /** Platform tags, any of which will do. */
  platforms: string[];
}

/** Wheels are built per Python; which Python does not matter here, since only its C++ libraries are used. */
export const PYTHON_TAG = {version: '3.12', abi: 'cp312'};

const MANYLINUX: Record<string, string> = {x64: 'x86_64', arm64: 'aarch64'};

/**
 * The wheel of TensorFlow for this machine.
 *
 * @throws SetupError where TensorFlow has no wheel with the libraries
 */
export function tensorflowWheel(
  variant: Variant,
  platform: string = process.platform,
  arch: string = process.arch,
): WheelSpec {
  if (platform !== 'linux' || MANYLINUX[arch] == null) {
    throw new SetupError(
      `setup builds TensorFlow for Linux on x64 and arm64, this is ${platform} ${arch}. ` +
        `Use tfjs-node's own (older) library: npm rebuild @tensorflow/tfjs-node. ` +
        `The backends wasm, webgpu and cpu work without.`,
    );
  }
  if (variant === 'gpu' && arch !== 'x64') {
    throw new SetupError(`setup --gpu: TensorFlow has CUDA wheels for x64 only, this is ${arch}.`);
  }
  // On arm64 the CPU build is published under the plain name.
  const name = variant === 'gpu' || arch !== 'x64' ? 'tensorflow' : 'tensorflow-cpu';
  return {requirement: `${name}==${TENSORFLOW_VERSION}`, platforms: platformTags(arch)};
}

/** The CUDA wheels that a TensorFlow wheel asks for (`Requires-Dist: …; extra == "and-cuda"`). */
export function cudaWheels(metadata: string, arch: string = process.arch): WheelSpec[] {
  return metadata
    .split('\n')
    .map((line) => /^Requires-Dist:\s*([^;]+);.*extra\s*==\s*['"]and-cuda['"]/.exec(line)?.[1])
    .filter((requirement) => requirement != null)
    .map((requirement) => ({
      requirement: requirement.replace(/[\s()]/g, ''),
      platforms: platformTags(arch),
    }));
}

function platformTags(arch: string): string[] {
  const machine = MANYLINUX[arch];
  const glibc = [
    'manylinux_2_28',
    'manylinux_2_27',
    'manylinux_2_17',
    'manylinux2014',
    'manylinux1',
  ];
  return glibc.map((tag) => `${tag}_${machine}`);
}
