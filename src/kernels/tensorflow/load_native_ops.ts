/** Loading the library of TensorFlow ops into this process. */

/** Where a process notes what it has loaded: the module may be there twice, as ESM and as CommonJS. */
const LOADED = Symbol.for('tfjs-mapl.native-ops');
const CUDA = Symbol.for('tfjs-mapl.native-ops.cuda');
type Loaded = {[LOADED]?: string; [CUDA]?: boolean};

/**
 * Loads the library, which registers its ops with TensorFlow. To be called after tfjs-node has been loaded. TensorFlow ends
 * the process when an op is registered twice: a second library is therefore ignored, the first stays.
 *
 * @param file Absolute path, as `findNativeOps()` gives it.
 * @throws Error with the loader's reason and how to mend it
 */
export function loadNativeOps(file: string): void {
  const global = globalThis as Loaded;
  if (global[LOADED] != null) return;
  const module = {exports: {} as {cuda?: boolean}};
  try {
    process.dlopen(module, file);
  } catch (error) {
    const reason = String((error as Error).message ?? error).split('\n')[0];
    throw new Error(
      `The TensorFlow ops of tfjs-mapl cannot be loaded from ${file} (${reason}). ` +
        `Build them again: npx tfjs-mapl setup --force`,
      {cause: error},
    );
  }
  global[LOADED] = file;
  global[CUDA] = module.exports.cuda === true;
}

/** Path of the library that this process has loaded, or null. */
export function loadedNativeOps(): string | null {
  return (globalThis as Loaded)[LOADED] ?? null;
}

/** Whether the library that this process has loaded computes on GPUs too. */
export function nativeOpsHaveCuda(): boolean {
  return (globalThis as Loaded)[CUDA] ?? false;
}
