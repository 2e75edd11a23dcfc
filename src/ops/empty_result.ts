import * as tf from '@tensorflow/tfjs-core';

/**
 * A result without elements, of inputs some of which have none: no kernel runs. Gradients of the inputs are zeros. Left to
 * tfjs, a sum over nothing would be whatever was in memory on `wasm`, and an error of the driver on `webgpu`.
 *
 * @param shape Of the result; has a 0.
 * @param inputs The float32 tensors that the op is differentiable in.
 * @param dtype Of the result.
 */
export function emptyResult(
  shape: number[],
  inputs: tf.Tensor[],
  dtype: 'float32' | 'int32' = 'float32',
): tf.Tensor {
  const op = tf.customGrad((...tensors) => ({
    value: tf.zeros(shape, dtype),
    gradFunc: () => inputs.map((_, i) => tf.zeros((tensors[i] as tf.Tensor).shape)),
  }));
  return op(...inputs);
}
