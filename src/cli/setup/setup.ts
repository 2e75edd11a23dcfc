/** `tfjs-mapl setup`: the `tensorflow` backend on TensorFlow's current release. */
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {readInstall, type TensorFlowInstall} from '../../backends/tensorflow_install.js';
import {bindingCurrent, buildBinding} from './binding.js';
import {withLock} from './lock.js';
import {ensureNativeOps} from './native_stage.js';
import {cacheFolder, tensorflowFolder} from './paths.js';
import {runCommand, type RunCommand} from './run_command.js';
import {SITE_STAGE, fillSite, siteFolder} from './site.js';
import {recordStage, stageDone} from './state.js';
import {ensureTfjsNode} from './tfjs_node.js';
import {timed} from './timed.js';
import {TENSORFLOW_VERSION, tensorflowWheel, type Variant} from './versions.js';

/** What can be said to {@link setup}. */
export interface SetupOptions {
  /** With CUDA or without. Default: as installed, or `cpu`. */
  variant?: Variant;
  /** Redo every stage, also those that are finished. */
  force?: boolean;
  /** Where libraries and headers are kept. Default {@link cacheFolder}. */
  cache?: string;
  /** Folder of tfjs-node. Default: the one this package finds; installed where missing. */
  tfjsNode?: string;
  /** Folder of the sources of the native ops. Default: this package's. */
  nativeFolder?: string;
  /** Told, line by line, what happens. */
  log?: (line: string) => void;
  /** How programs are run. */
  run?: RunCommand;
}

/** What {@link setup} has achieved. */
export interface SetupResult extends TensorFlowInstall {
  /** Whether anything had to be done. */
  changed: boolean;
  /** Why the native ops could not be built, null if they were (or there are none). */
  nativeError: string | null;
}

/**
 * Fetches TensorFlow's wheel, takes the libraries and headers out of it, builds tfjs-node's binding and our native ops
 * against them. Finished stages are kept, interrupted ones are redone; nothing is put in place before it is known to
 * work. A failure of the native ops is reported in the result and leaves the backend as it is.
 *
 * @throws SetupError whose message says what is missing and how to get it
 */
export async function setup(options: SetupOptions = {}): Promise<SetupResult> {
  const {log = () => {}, run = runCommand, force = false} = options;
  const cache = options.cache ?? cacheFolder();
  const tfjsNode = options.tfjsNode ?? (await ensureTfjsNode(run, log));
  const variant = options.variant ?? (await readInstall(tfjsNode))?.variant ?? 'cpu';
  tensorflowWheel(variant); // Refuses platforms that have none before anything is done.
  const folder = tensorflowFolder(cache, variant);
  const site = siteFolder(folder);
  let changed = false;

  return withLock(
    path.join(cache, 'setup.lock'),
    async () => {
      mkdirSync(folder, {recursive: true});
      if (force) recordStage(folder, SITE_STAGE, []);
      if (!(await stageDone(folder, SITE_STAGE))) {
        changed = true;
        await fillSite(folder, variant, run, log);
      }

      let install = force ? null : await bindingCurrent(tfjsNode, site);
      if (install == null) {
        changed = true;
        install = await timed(log, "building tfjs-node's binding", () =>
          buildBinding(tfjsNode, site, variant, run),
        );
      }

      const {nativeFolder} = options;
      const native = await ensureNativeOps(install, tfjsNode, {
        nativeFolder,
        cache,
        run,
        log,
        force,
      });
      changed ||= native.changed;
      log(
        changed
          ? `TensorFlow ${TENSORFLOW_VERSION} (${variant}) is ready in ${folder}`
          : `TensorFlow ${TENSORFLOW_VERSION} (${variant}) is ready, nothing to do`,
      );
      return {...native.install, changed, nativeError: native.error};
    },
    log,
  );
}
