/** Checks of what a boundary is applied to: `[activations, ids]` or `[z, ids]`. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {AnyTensor, LayerInputs} from './layer_types.js';

/**
 * Checks ranks, dtypes and shapes of `[x, ids]`.
 *
 * @param inputs What `apply` was given, symbolic or concrete.
 * @param layer Name for the messages, such as `ProjectionBoundary 'b'`.
 * @param first What the first input is called: `activations` or `z`.
 * @param width Width the first input must have, if known already.
 * @returns The width of the first input.
 * @throws If there are not two inputs, `x` is not float32 `[batch, time, width]`, `ids` not int32 `[batch, time]`, or
 *   their batch or time differ.
 */
export function checkBoundaryInputs(
  inputs: LayerInputs,
  layer: string,
  first: string,
  width?: number,
): number {
  if (!Array.isArray(inputs) || inputs.length !== 2) {
    const count = Array.isArray(inputs) ? inputs.length : 1;
    throw new Error(
      `${layer} got ${count} input(s), expected two: apply it to [${first}, ids], the ids of the same positions.`,
    );
  }
  const [x, ids] = inputs as AnyTensor[];
  const d = checkBoundaryShapes([x.shape, ids.shape], layer, first, width);
  if (x.dtype !== 'float32') {
    throw new Error(`${layer}: ${first} have dtype ${x.dtype}, expected float32.`);
  }
  // tfjs-layers calls every symbolic output of a layer float32; only of an input layer is the dtype known.
  const known =
    x instanceof tf.Tensor ||
    (ids as tfl.SymbolicTensor).sourceLayer.inboundNodes[0]?.inboundLayers.length === 0;
  if (known && ids.dtype !== 'int32') {
    throw new Error(
      `${layer}: ids have dtype ${ids.dtype}, expected int32: ` +
        `make the input with tf.input({shape: [null], dtype: 'int32'}) and the ids with tf.tensor2d(ids, shape, 'int32').`,
    );
  }
  return d;
}

/** The part of {@link checkBoundaryInputs} that needs only shapes, for `build` and `computeOutputShape`. */
export function checkBoundaryShapes(
  shapes: tfl.Shape | tfl.Shape[],
  layer: string,
  first: string,
  width?: number,
): number {
  if (!Array.isArray(shapes) || shapes.length !== 2 || !shapes.every((s) => Array.isArray(s))) {
    throw new Error(
      `${layer} got shape ${JSON.stringify(shapes)}, expected two shapes: those of [${first}, ids].`,
    );
  }
  const [x, ids] = shapes as tfl.Shape[];
  const text = (shape: tfl.Shape) => `[${shape.map((n) => n ?? 'null').join(', ')}]`;
  if (x.length !== 3) {
    throw new Error(
      `${layer}: ${first} have shape ${text(x)}, expected rank 3: [batch, time, ${width ?? 'width'}].`,
    );
  }
  if (ids.length !== 2) {
    throw new Error(
      `${layer}: ids have shape ${text(ids)}, expected rank 2: [batch, time], one id a position.`,
    );
  }
  const differ = [0, 1].some((i) => x[i] != null && ids[i] != null && x[i] !== ids[i]);
  if (differ) {
    throw new Error(
      `${layer}: ${first} have shape ${text(x)} and ids ${text(ids)}, expected the same batch and time.`,
    );
  }
  const d = x[2];
  if (d == null) {
    throw new Error(
      `${layer}: the last axis of ${first} is null, expected a fixed width: ` +
        `declare it, for instance tf.input({shape: [null, 128]}).`,
    );
  }
  if (width != null && d !== width) {
    throw new Error(`${layer}: ${first} have width ${d}, expected ${width}.`);
  }
  return d;
}
