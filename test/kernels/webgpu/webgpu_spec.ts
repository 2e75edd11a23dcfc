/** Specs for `webgpu` alone, in suites that run on every backend. */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from '../../../src/kernels/webgpu/backend.js';

/** A `describe` whose specs run on `webgpu` and are pending elsewhere. */
export function describeWebgpu(what: string, specs: () => void): void {
  describe(what, () => {
    if (tf.getBackend() === 'webgpu') return specs();
    it('is of the webgpu backend', () => pending(`this run is on ${tf.getBackend()}`));
  });
}

/** tfjs-webgpu's backend. */
export function webgpuBackend(): WebgpuBackend {
  return tf.backend() as unknown as WebgpuBackend;
}
