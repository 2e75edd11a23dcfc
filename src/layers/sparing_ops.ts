/** Ops that keep for the backward pass what it reads and no more. tfjs's own sums and reshapes keep whole inputs for their shapes. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * An op with a gradient of its own, in which tfjs keeps only what `forward` hands to `save`. `backward` gets those and returns a
 * gradient for each input.
 */
export function sparingOp(
  inputs: tf.Tensor[],
  forward: (save: (kept: tf.Tensor[]) => void, inputs: tf.Tensor[]) => tf.Tensor,
  backward: (dy: tf.Tensor, kept: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const run = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    return {
      value: forward(save, args.slice(0, -1) as tf.Tensor[]),
      gradFunc: (dy, kept) => tf.tidy(() => backward(dy, kept as tf.Tensor[])),
    };
  });
  return run(...inputs);
}

/** `tf.add` of two tensors of one shape; keeps nothing. */
export function sparingAdd(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return sparingOp(
    [a, b],
    (_save, [left, right]) => tf.add(left, right),
    (dy) => [dy.clone(), dy.clone()],
  );
}

/** `tf.reshape`; keeps nothing. */
export function sparingReshape<R extends tf.Rank>(x: tf.Tensor, shape: number[]): tf.Tensor<R> {
  const before = x.shape;
  return sparingOp(
    [x],
    (_save, [whole]) => tf.reshape(whole, shape),
    (dy) => [tf.reshape(dy, before)],
  ) as tf.Tensor<R>;
}
