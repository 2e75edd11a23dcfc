/** Where a step's time goes. */
import * as tf from '@tensorflow/tfjs-core';
import type {NodeBackend} from '../../src/kernels/tensorflow/node_backend.js';

/** Milliseconds of a step. */
export interface Profile {
  /** Of the whole step: the median over some. */
  total: number;
  /** In the ops of each name. What is missing from `total` is JavaScript and reading the loss. */
  ops: Record<string, number>;
}

const STEPS = 7;

/** Runs some steps and adds up the time inside tfjs-node's two functions that run an op; null on other backends. */
export async function profileByOp(step: () => Promise<unknown>): Promise<Profile | null> {
  if (tf.getBackend() !== 'tensorflow') return null;
  const backend = tf.backend() as unknown as NodeBackend;
  const original = [backend.executeSingleOutput, backend.executeMultipleOutputs] as const;
  let spent: Record<string, number> = {};
  const timed =
    <A extends [string, ...unknown[]], R>(run: (...args: A) => R) =>
    (...args: A): R => {
      const start = performance.now();
      const result = run.apply(backend, args);
      spent[args[0]] = (spent[args[0]] ?? 0) + performance.now() - start;
      return result;
    };
  backend.executeSingleOutput = timed(original[0]);
  backend.executeMultipleOutputs = timed(original[1]);
  const steps: Profile[] = [];
  try {
    for (let i = 0; i < STEPS; i++) {
      spent = {};
      const start = performance.now();
      await step();
      steps.push({total: performance.now() - start, ops: spent});
    }
  } finally {
    [backend.executeSingleOutput, backend.executeMultipleOutputs] = original;
  }
  return steps.sort((a, b) => a.total - b.total)[STEPS >> 1];
}
