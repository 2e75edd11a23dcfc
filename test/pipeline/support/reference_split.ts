/**
 * A split run without trainer, schedule, frames or transport: stage after stage on one microbatch after the other, with tfjs's own
 * gradients. What crosses a boundary is packed and unpacked right there.
 */
import * as tf from '@tensorflow/tfjs-core';
import {getLegCodec, type Crossing, type LegSpec} from '../../../src/codecs/index.js';
import {sparseCrossEntropy} from '../../../src/ops/index.js';
import {splitModel} from '../../../src/pipeline/index.js';
import {sampleKeys} from '../../../src/pipeline/sample_keys.js';
import {tinyBatch, tinyModel, weightValues} from './tiny.js';

/** What to run. */
export interface ReferenceArgs {
  forward: LegSpec;
  backward: LegSpec;
  stages: number;
  microbatches: number;
  steps: number;
  learningRate: number;
  seed: number;
}

/** Losses of the steps and the weights after them, updated by plain gradient descent. */
export async function referenceSplit(args: ReferenceArgs) {
  const {stages: count, microbatches, seed} = args;
  // Without projectors there is nothing to keep in step between stages.
  const stages = splitModel(tinyModel(null), {stages: count});
  const legs = stages.slice(1).map((stage, boundary) => {
    const width = stage.model.inputs[0].shape.at(-1)!;
    const context = {boundary, width, seed, half: null};
    const ends = (direction: 'forward' | 'backward') => {
      const {codec, ...options} = args[direction];
      const leg = getLegCodec(codec).create(options);
      const made = {...context, direction};
      return {sender: leg.sender(made), receiver: leg.receiver(made)};
    };
    return {forward: ends('forward'), backward: ends('backward')};
  });
  const losses: number[] = [];
  for (let step = 0; step < args.steps; step++) {
    const {ids, targets, shape} = tinyBatch(step % 2);
    const [batch, time] = shape;
    const rows = batch / microbatches;
    const part = (all: ArrayLike<number>, m: number) =>
      tf.tensor2d(
        Array.from(all).slice(m * rows * time, (m + 1) * rows * time),
        [rows, time],
        'int32',
      );
    const sums: tf.NamedTensorMap = {};
    let total = 0;
    for (let m = 0; m < microbatches; m++) {
      const slice = Array.from(ids).slice(m * rows * time, (m + 1) * rows * time);
      const at: Crossing = {
        step,
        microbatch: m,
        training: true,
        keys: sampleKeys(slice, rows, time),
      };
      const inputs: tf.Tensor[] = [part(ids, m)];
      for (let p = 0; p + 1 < count; p++) {
        const output = tf.tidy(() => stages[p].call([inputs[p]], true));
        const {sender, receiver} = legs[p].forward;
        inputs.push(await receiver.unpack(await sender.pack(output, at), at));
      }
      let dy: tf.Tensor = tf.scalar(1);
      for (let p = count - 1; p >= 0; p--) {
        const variables = stages[p].trainableWeights.map((w) => w.read() as tf.Variable);
        const f = (x: tf.Tensor) => {
          const output = stages[p].call([x], true);
          return p + 1 < count
            ? output
            : tf.mul(sparseCrossEntropy(output, part(targets, m), 'sum'), 1 / (batch * time));
        };
        const x = inputs[p];
        // tfjs's type of what a tidy returns has no room for null.
        const found = tf.tidy(() => {
          const y = f(x);
          const scalar = (z: tf.Tensor) => tf.sum(tf.mul(f(z), dy)) as tf.Scalar;
          const {grads} = tf.variableGrads(() => scalar(x), variables);
          const dx = p === 0 ? null : tf.grad((z) => scalar(z))(x);
          const loss = p + 1 < count ? null : y;
          return {gradients: grads, dx, loss} as unknown as tf.TensorContainerObject;
        });
        const {gradients, dx, loss} = found as unknown as {
          gradients: tf.NamedTensorMap;
          dx: tf.Tensor | null;
          loss: tf.Tensor | null;
        };
        for (const [name, gradient] of Object.entries(gradients)) {
          const before = sums[name];
          sums[name] = before == null ? gradient : tf.add(before, gradient);
          if (before != null) tf.dispose([before, gradient]);
        }
        if (loss != null) {
          total += (await loss.data())[0];
          loss.dispose();
        }
        tf.dispose([x, dy]);
        if (dx != null) {
          const {sender, receiver} = legs[p - 1].backward;
          dy = await receiver.unpack(await sender.pack(dx, at), at);
          dy = legs[p - 1].forward.sender.backward?.(dy, at) ?? dy;
        }
      }
    }
    const optimizer = tf.train.sgd(args.learningRate);
    optimizer.applyGradients(sums);
    optimizer.dispose();
    tf.dispose(sums);
    losses.push(total);
    for (const {forward, backward} of legs) {
      for (const end of [forward.sender, forward.receiver, backward.sender, backward.receiver]) {
        await end.endStep?.(step);
      }
    }
  }
  for (const {forward, backward} of legs) {
    for (const end of [forward.sender, forward.receiver, backward.sender, backward.receiver]) {
      end.dispose?.();
    }
  }
  return {losses, weights: await weightValues(stages.flatMap((stage) => stage.weights))};
}
