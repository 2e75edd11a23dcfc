import * as tf from '@tensorflow/tfjs-core';
import type {LegContext, LegSpec} from '../../codecs/leg.js';
import {makeLeg} from '../../codecs/leg_registry.js';
import {quantisationError} from '../../diagnostics/relative_error.js';
import {seededNormal} from '../../manifolds/seeded_normal.js';

/** Vectors that pass: enough for 256 codes. */
const VECTORS = 512;
/** Optimizer steps before the one that counts: a codec that learns gets its codebooks in the first. */
const STEPS = 2;

/**
 * The share of the energy of `z` that a codec loses, measured: normal vectors whose variances are those of the
 * principal directions pass the codec as they would between two stages. Codes that are learned have been learned for a few steps
 * only; in training they improve.
 *
 * @param spec The codec of a forward leg.
 * @param variances By dimension of `z`, in any unit.
 */
export async function codecError(spec: LegSpec, variances: ArrayLike<number>): Promise<number> {
  const width = variances.length;
  // No text is needed before codes are made of what comes.
  const {leg} = makeLeg(spec.codec === 'rvq' ? {...spec, warmupSteps: 1} : spec, 'the leg');
  const context: LegContext = {boundary: 0, direction: 'forward', width, seed: 0, half: null};
  const [sender, receiver] = [leg.sender(context), leg.receiver(context)];
  const largest = Math.max(...Array.from(variances), Number.MIN_VALUE);
  const deviations = Array.from(variances, (value) => Math.sqrt(Math.max(0, value) / largest));
  const normal = seededNormal(1);
  const sample = () => {
    const values = Float32Array.from({length: VECTORS * width}, (_, i) => {
      return deviations[i % width] * normal();
    });
    return tf.tensor3d(values, [1, VECTORS, width]);
  };
  try {
    for (let step = 0; ; step++) {
      const z = sample();
      const at = {step, microbatch: 0, training: true, keys: [0]};
      const arrived = await receiver.unpack(await sender.pack(tf.clone(z), at), at);
      const error = await quantisationError(z, arrived);
      tf.dispose([z, arrived]);
      if (step === STEPS) return error;
      await sender.endStep?.(step);
      await receiver.endStep?.(step);
    }
  } finally {
    sender.dispose?.();
    receiver.dispose?.();
  }
}
