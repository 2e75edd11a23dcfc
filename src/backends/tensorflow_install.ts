/** What `tfjs-mapl setup` has installed for tfjs-node: written beside its binding, read when the backend comes up. */

/** Contents of `tfjs_mapl.json` beside tfjs-node's binding. Paths are absolute. */
export interface TensorFlowInstall {
  /** Version of the TensorFlow library. */
  tensorflow: string;
  /** `gpu`: with CUDA. */
  variant: 'cpu' | 'gpu';
  /** Folder with `tensorflow/libtensorflow_cc.so.2` and `tensorflow/include`. */
  site: string;
  /** SHA-256 of the binding, hexadecimal. */
  bindingSha256: string;
  /** What the binding was built from, as one hash. */
  bindingKey: string;
  /** Small module that takes stderr aside while TensorFlow is being loaded. */
  quiet: string | null;
  /** The library of our TensorFlow ops, null where it could not be built. */
  nativeOps: string | null;
  /** What the ops were built from, as one hash; also of a build that failed. */
  nativeKey: string | null;
}

/** Name of the record beside tfjs-node's binding. */
export const INSTALL_FILE = 'tfjs_mapl.json';

/**
 * Folder in which tfjs-node looks for its binding on this Node: the highest Node-API version that both know.
 *
 * @param tfjsNode folder of the package `@tensorflow/tfjs-node`
 */
export async function bindingFolder(tfjsNode: string): Promise<string> {
  const {readFileSync} = await import('node:fs');
  const path = await import('node:path');
  const manifest = JSON.parse(readFileSync(path.join(tfjsNode, 'package.json'), 'utf8')) as {
    binary: {napi_versions: number[]};
  };
  const known = manifest.binary.napi_versions.filter((v) => v <= Number(process.versions.napi));
  return path.join(tfjsNode, 'lib', `napi-v${Math.max(...known)}`);
}

/** Folder of `@tensorflow/tfjs-node` as this package finds it, or null. */
export async function findTfjsNode(): Promise<string | null> {
  const {createRequire} = await import('node:module');
  const path = await import('node:path');
  try {
    const require = createRequire(import.meta.url);
    return path.dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
  } catch {
    return null;
  }
}

/** The record of the installed TensorFlow, or null where `tfjs-mapl setup` has not run. */
export async function readInstall(tfjsNode: string): Promise<TensorFlowInstall | null> {
  const {readFileSync} = await import('node:fs');
  const path = await import('node:path');
  try {
    const file = path.join(await bindingFolder(tfjsNode), INSTALL_FILE);
    return JSON.parse(readFileSync(file, 'utf8')) as TensorFlowInstall;
  } catch {
    return null;
  }
}

/** Path of the library of our TensorFlow ops, or null where none has been built. */
export async function findNativeOps(): Promise<string | null> {
  const {existsSync} = await import('node:fs');
  const tfjsNode = await findTfjsNode();
  const install = tfjsNode == null ? null : await readInstall(tfjsNode);
  const file = install?.nativeOps;
  return file != null && existsSync(file) ? file : null;
}
