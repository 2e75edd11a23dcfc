/** The `tensorflow` backend: tfjs-node, on the TensorFlow library that `tfjs-mapl setup` installs. */
import * as tf from '@tensorflow/tfjs-core';
import {registerTensorflowKernels} from '../kernels/tensorflow/index.js';
import {inNode, use, type Backend} from './backend.js';
import {setBackendEnvironment} from './environment.js';
import {loadQuietly, type StderrCapture} from './quiet.js';
import {findNativeOps, findTfjsNode, readInstall} from './tensorflow_install.js';
import {mendNodeUtil} from './util_shims.js';

/** The part of tfjs-node's backend that we look at. */
interface NodeBackend {
  isUsingGpuDevice: boolean;
  binding: {TF_Version?: string};
}

export const tensorflow: Backend = {
  name: 'tensorflow',
  // Only the library itself knows whether it has found a GPU.
  probe: async () => (await tensorflow.up()).device,
  async up() {
    if (!inNode()) throw new Error("The backend 'tensorflow' is for Node, not for browsers.");
    if (tf.findBackendFactory('tensorflow') == null) {
      setBackendEnvironment();
      const util = await import('node:util');
      mendNodeUtil(
        util.default as unknown as Record<string, unknown>,
        Number(process.versions.node.split('.')[0]),
      );
      await loadTfjsNode();
    }
    await use('tensorflow');
    try {
      registerTensorflowKernels({nativeOps: await findNativeOps()});
    } catch (error) {
      console.warn(`${(error as Error).message} The slower composed kernels are used.`);
    }
    const backend = tf.backend() as unknown as NodeBackend;
    return {
      name: 'tensorflow',
      device: backend.isUsingGpuDevice ? 'gpu' : 'cpu',
      description: `TensorFlow ${backend.binding.TF_Version ?? ''}`.trim(),
    };
  },
};

async function loadTfjsNode(): Promise<void> {
  const {createRequire} = await import('node:module');
  const {existsSync} = await import('node:fs');
  const tfjsNode = await findTfjsNode();
  if (tfjsNode == null) {
    throw new Error('tfjs-node is not installed. Run: npx tfjs-mapl setup');
  }
  const require = createRequire(import.meta.url);
  const quiet = (await readInstall(tfjsNode))?.quiet;
  try {
    const load = () => require('@tensorflow/tfjs-node');
    const level = Number(process.env.TF_CPP_MIN_LOG_LEVEL ?? 0);
    if (level > 0 && quiet != null && existsSync(quiet)) {
      const capture = require(quiet) as StderrCapture;
      loadQuietly(capture, level, load, (text) => process.stderr.write(text));
    } else {
      load();
    }
  } catch (error) {
    const reason = String((error as Error).message ?? error).split('\n')[0];
    throw new Error(`tfjs-node cannot be loaded (${reason.trim()}). Run: npx tfjs-mapl setup`, {
      cause: error,
    });
  }
}
