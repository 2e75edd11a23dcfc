/** Weights of layers that several layers share, created outside `Layer.addWeight`. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

/**
 * Creates the weight `fullName` (for instance `mapl.anchors.1/table`). `Layer.addWeight` would put the name of the layer
 * that happens to be applied in front; a shared weight must have the same name whoever builds it.
 *
 * @param fullName Name with its layer, `layer/weight`; a second weight of the name gets a suffix in `name`, not in `originalName`.
 * @param values Row-major initial values, or `null` for zeros.
 */
export function createWeight(
  fullName: string,
  shape: number[],
  values: Float32Array | null,
  trainable: boolean,
): tfl.LayerVariable {
  const initial = values == null ? tf.zeros(shape) : tf.tensor(values, shape, 'float32');
  const weight = new tfl.LayerVariable(initial, 'float32', fullName, trainable);
  initial.dispose();
  return weight;
}

/** Overwrites a weight with row-major values of its own size. */
export function writeWeight(weight: tfl.LayerVariable, values: Float32Array): void {
  const size = weight.shape.reduce<number>((product, n) => product * (n ?? 1), 1);
  if (values.length !== size) {
    throw new Error(
      `${weight.originalName}: got ${values.length} values, expected ${size} for shape [${weight.shape.join(', ')}].`,
    );
  }
  tf.tidy(() => {
    weight.write(tf.tensor(values, weight.shape as number[], 'float32'));
  });
}
