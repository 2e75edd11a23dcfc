import * as tf from '@tensorflow/tfjs-core';
import {runKernel} from '../../src/kernels/ensure_kernel.js';
import {AdamWUpdate, MuonUpdate} from '../../src/kernels/kernel_names.js';
import {globalNorm} from '../../src/optimizers/index.js';
import * as float64 from '../kernels/float64/references.js';
import {dense, normal, type Dense} from '../support/dense.js';
import {checkGradients} from '../support/finite_differences.js';

/** Several outputs as one, so that cotangents of all of them are in play. */
function joined(outputs: Dense[]): Dense {
  const values = outputs.flatMap((output) => [...output.values]);
  return dense([values.length], values);
}

const joinedTensors = (outputs: tf.Tensor[]) =>
  tf.concat(outputs.map((out) => tf.reshape(out, [-1])));

const shapes = [[1], [3, 5]];

describe('gradient of a step of AdamW', () => {
  const adamW = {learningRate: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1, t: 3};

  for (const shape of shapes) {
    it(`at [${shape}]`, () => {
      const second = normal(shape, 4);
      return checkGradients({
        inputs: {
          value: normal(shape, 1),
          gradient: normal(shape, 2),
          first: normal(shape, 3),
          second: dense(
            shape,
            second.values.map((x) => Math.fround(0.1 + x * x)),
          ),
        },
        reference: (inputs) => joined(float64.adamWUpdate(inputs, adamW)),
        op: (inputs) => joinedTensors(runKernel<tf.Tensor[]>(AdamWUpdate, inputs, adamW)),
      });
    });
  }

  it('is a number where there never was a gradient', async () => {
    const zeros = tf.zeros([2]);
    const step = (gradient: tf.Tensor) =>
      runKernel<tf.Tensor[]>(
        AdamWUpdate,
        {value: tf.ones([2]), gradient, first: zeros, second: zeros},
        adamW,
      )[0];
    const result = await tf.grad(step)(zeros).data();
    for (const value of result) expect(value).toBeLessThan(0);
    expect([...result].every(Number.isFinite)).toBeTrue();
  });
});

describe("gradient of Muon's momentum", () => {
  for (const nesterov of [true, false]) {
    for (const shape of shapes) {
      it(`at [${shape}]${nesterov ? ', looking ahead' : ''}`, () =>
        checkGradients({
          inputs: {momentum: normal(shape, 1), gradient: normal(shape, 2)},
          reference: (inputs) => joined(float64.muonUpdate(inputs, {beta: 0.9, nesterov})),
          op: (inputs) =>
            joinedTensors(runKernel<tf.Tensor[]>(MuonUpdate, inputs, {beta: 0.9, nesterov})),
        }));
    }
  }
});

describe('gradient of globalNorm', () => {
  it('is the direction of all tensors as one vector', () =>
    checkGradients({
      inputs: {a: normal([3, 5], 1), b: normal([1], 2), c: normal([7], 3)},
      reference: (inputs) => {
        const [sums] = float64.globalNorm(inputs);
        return dense([], [Math.sqrt(sums.values.reduce((sum, value) => sum + value, 0))]);
      },
      op: (inputs) => globalNorm(inputs),
    }));
});
