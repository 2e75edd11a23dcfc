/** The stage of setup that sees to our TensorFlow ops. */
import {existsSync} from 'node:fs';
import path from 'node:path';
import {bindingFolder, type TensorFlowInstall} from '../../backends/tensorflow_install.js';
import {loadedVersion, writeInstall} from './binding.js';
import {buildNativeOps, discardNativeOps, nativeLibrary, nativeSources} from './native_ops.js';
import {findNvcc} from './cuda.js';
import type {RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';
import {timed} from './timed.js';

/** Where and how. */
export interface NativeOptions {
  /** Folder of the sources. Default: this package's. */
  nativeFolder?: string;
  cache: string;
  run: RunCommand;
  log: (line: string) => void;
  force: boolean;
}

/** What {@link ensureNativeOps} found or made. */
export interface NativeResult {
  install: TensorFlowInstall;
  changed: boolean;
  /** Why there are none; null if there are, or if there is nothing to build. */
  error: string | null;
}

/**
 * Builds the ops unless they are current, and records them beside the binding. A failure is reported, not thrown: the
 * backend works without them. It is not tried again until the sources change or `force` says so.
 */
export async function ensureNativeOps(
  install: TensorFlowInstall,
  tfjsNode: string,
  {nativeFolder, cache, run, log, force}: NativeOptions,
): Promise<NativeResult> {
  const nvcc = install.variant === 'gpu' ? await findNvcc(run) : null;
  if (install.variant === 'gpu' && nvcc == null) {
    log(
      'GPU kernels of this package: nvcc is not found (set NVCC); composed ones are used on the GPU',
    );
  }
  const sources = await nativeSources(install.site, nativeFolder, nvcc);
  if (sources == null) return {install, changed: false, error: null};
  const library = nativeLibrary(cache, sources);
  const binding = path.join(await bindingFolder(tfjsNode), 'tfjs_binding.node');
  if (!force && install.nativeKey === sources.key) {
    if (install.nativeOps == null) {
      const error = 'they could not be built before (setup --force tries again)';
      log(`TensorFlow ops of this package: ${error}; composed ones are used`);
      return {install, changed: false, error};
    }
    if (existsSync(library)) return {install, changed: false, error: null};
  }
  let error: string | null = null;
  try {
    await timed(log, `building ${sources.units.length} files of TensorFlow ops`, async () => {
      await buildNativeOps(sources, install.site, cache, run);
      await loadedVersion(run, install.quiet == null ? [] : [install.quiet], binding, [library]);
    });
  } catch (caught) {
    if (!(caught instanceof SetupError)) throw caught;
    error = caught.message;
    if (existsSync(library)) discardNativeOps(library, error);
    log(`TensorFlow ops of this package: ${error}; composed ones are used`);
  }
  const next = {...install, nativeOps: error == null ? library : null, nativeKey: sources.key};
  await writeInstall(tfjsNode, next);
  return {install: next, changed: true, error};
}
