/** How gradients pass the sending end of the leg codec `rvq`. */
import * as tf from '@tensorflow/tfjs-core';
import {quantizerGradient} from '../../layers/quantizer/quantizer_gradient.js';
import type {RvqSettings} from './rvq_options.js';

/** Keeps `z` and `ẑ` of microbatches whose backward is to come, where the gradient depends on them. */
export class SenderGradient {
  /** Whether gradients are just handed on: nothing is kept then. */
  readonly isPlain: boolean;
  private readonly held = new Map<number, {z: tf.Tensor; zhat: tf.Tensor}>();

  constructor(private readonly settings: RvqSettings) {
    this.isPlain = settings.gradient === 'straight-through' && settings.commitment === 0;
  }

  /** Takes note of a microbatch; does not free what it is given. */
  hold(z: tf.Tensor, zhat: tf.Tensor, microbatch: number): void {
    if (!this.isPlain) {
      this.held.set(microbatch, {z: tf.keep(z.clone()), zhat: tf.keep(zhat.clone())});
    }
  }

  /**
   * Gradient of `z` from that of `ẑ`, which it frees.
   *
   * @param microbatches Number of them in the step: commitment is a mean over the step.
   */
  pass(dy: tf.Tensor, microbatch: number, microbatches: number): tf.Tensor {
    const pair = this.held.get(microbatch);
    this.held.delete(microbatch);
    if (pair == null) {
      // Of the warm-up.
      return dy;
    }
    const {z, zhat} = pair;
    const {gradient, commitment} = this.settings;
    const dz = tf.tidy(() => {
      const rows = tf.reshape(dy, z.shape);
      const weight = commitment / microbatches;
      return tf.reshape(quantizerGradient(rows, z, zhat, gradient, weight), dy.shape);
    });
    tf.dispose([z, zhat, dy]);
    return dz;
  }

  /** Frees what is kept. */
  release(): void {
    this.held.forEach((pair) => tf.dispose([pair.z, pair.zhat]));
    this.held.clear();
  }
}
