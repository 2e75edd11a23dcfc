/** Reading a tensor that is about to be packed. */
import * as tf from '@tensorflow/tfjs-core';
import type {LegContext} from './leg.js';

/** Whether all values are finite. */
export function allFinite(values: Float32Array): boolean {
  // x − x is 0 for a number and NaN for NaN and infinity, and NaN stays in a sum.
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i] - values[i];
  }
  return sum === 0;
}

/** Reads a float32 tensor and frees it. Throws, naming `what` and the position, if a value is not finite. */
export async function takeFinite(tensor: tf.Tensor, what: string): Promise<Float32Array> {
  const {shape} = tensor;
  let values: Float32Array;
  try {
    values = (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
  if (!allFinite(values)) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    throw new Error(`${what} has ${values[at]} at [${placeOf(at, shape).join(', ')}]`);
  }
  return values;
}

/**
 * Throws, naming `what` and the position and freeing the tensor, if a value of a float32 tensor is not finite. Reads one number
 * while all is well.
 */
export async function checkFinite(tensor: tf.Tensor, what: string): Promise<void> {
  const sum = tf.tidy(() => tf.sum(tf.sub(tensor, tensor)));
  const [value] = await sum.data();
  sum.dispose();
  if (value !== 0) {
    await takeFinite(tensor, what);
  }
}

/** Throws if unpacked values are not finite: nobody packs such. */
export function checkArrived(codec: string, values: Float32Array, shape: readonly number[]): void {
  if (!allFinite(values)) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    throw new Error(
      `codec '${codec}': ${values[at]} arrived at [${placeOf(at, shape).join(', ')}]: ` +
        'damaged bytes, or a value beyond the range of the codec',
    );
  }
}

/** Index of a value along each axis. */
export function placeOf(at: number, shape: readonly number[]): number[] {
  const dims = [...shape];
  return tf.util.indexToLoc(at, dims.length, tf.util.computeStrides(dims));
}

/** What a leg carries, as a stage's messages call it. */
export function whatCrosses({direction}: Pick<LegContext, 'direction'>): string {
  return direction === 'forward' ? 'its output' : 'the gradient of its input';
}
