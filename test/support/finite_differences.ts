/** Checks a tfjs gradient against central differences of a float64 reference. */
import * as tf from '@tensorflow/tfjs-core';
import {dense, expectClose, normal, toTensor, type Dense} from './dense.js';

export interface GradientCase {
  /** Inputs to differentiate, by name. */
  inputs: Record<string, Dense>;
  /** The reference, in float64. */
  reference: (inputs: Record<string, Dense>) => Dense;
  /** The op under test. */
  op: (inputs: Record<string, tf.Tensor>) => tf.Tensor;
  /** Relative to the largest entry of each gradient. */
  tolerance?: number;
  seed?: number;
}

/** `∂ Σ cotangent · f / ∂ inputs[name]` by central differences. */
export function differences(
  reference: GradientCase['reference'],
  inputs: Record<string, Dense>,
  name: string,
  cotangent: Dense,
): Dense {
  const at = inputs[name];
  const gradient = dense(at.shape);
  const moved = dense(at.shape, at.values);
  const loss = () => {
    const out = reference({...inputs, [name]: moved}).values;
    let sum = 0;
    for (let i = 0; i < out.length; i++) {
      sum += out[i] * cotangent.values[i];
    }
    return sum;
  };
  for (let i = 0; i < at.values.length; i++) {
    const step = 1e-5 * Math.max(1, Math.abs(at.values[i]));
    moved.values[i] = at.values[i] + step;
    const above = loss();
    moved.values[i] = at.values[i] - step;
    const below = loss();
    moved.values[i] = at.values[i];
    gradient.values[i] = (above - below) / (2 * step);
  }
  return gradient;
}

/** Compares the gradients of all inputs at once, and of each input alone: a frozen input must not change the others. */
export async function checkGradients(testCase: GradientCase): Promise<void> {
  const {inputs, reference, op, tolerance = 2e-5, seed = 99} = testCase;
  const names = Object.keys(inputs);
  const tensors = names.map((name) => toTensor(inputs[name]));
  const cotangent = normal(reference(inputs).shape, seed);
  const dy = toTensor(cotangent);
  const named = (list: tf.Tensor[]) => Object.fromEntries(names.map((name, i) => [name, list[i]]));
  const all = tf.grads((...list: tf.Tensor[]) => op(named(list)))(tensors, dy);
  for (const [i, name] of names.entries()) {
    const expected = differences(reference, inputs, name, cotangent);
    await expectClose(all[i], expected, tolerance, `gradient for '${name}'`);
    const alone = tf.grad((x: tf.Tensor) => op({...named(tensors), [name]: x}))(tensors[i], dy);
    await expectClose(alone, expected, tolerance, `gradient for '${name}' alone`);
  }
}
