/** Types of `tf.layers.Layer`'s own signatures, which tfjs-layers does not export. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/** Arguments that every layer takes: `name`, `trainable`, `dtype`, `inputShape`, … */
export type LayerArgs = NonNullable<ConstructorParameters<typeof tfl.layers.Layer>[0]>;

/** Names of {@link LayerArgs}. */
const LAYER_ARGS: Record<keyof Required<LayerArgs>, true> = {
  name: true,
  trainable: true,
  dtype: true,
  inputShape: true,
  batchInputShape: true,
  batchSize: true,
  weights: true,
  inputDType: true,
};

/**
 * All keys that a layer of this package takes: its own, and those of every layer.
 *
 * @param own Its own; the type has the compiler complain where one is left out.
 */
export function layerKeys<Args extends LayerArgs>(
  own: Record<Exclude<keyof Required<Args>, keyof LayerArgs>, true>,
): string[] {
  return [...Object.keys(own), ...Object.keys(LAYER_ARGS)];
}

/** Keyword arguments of `Layer.call`, such as `training`. */
export type Kwargs = Parameters<tfl.layers.Layer['call']>[1];

/** What `Layer.apply` takes. */
export type LayerInputs = Parameters<tfl.layers.Layer['apply']>[0];

/** What `Layer.apply` returns. */
export type LayerOutputs = ReturnType<tfl.layers.Layer['apply']>;

/** What `Layer.dispose` returns. */
export type DisposeResult = ReturnType<tfl.layers.Layer['dispose']>;

/** Result of `layer.apply` on one symbolic tensor when the caller knows it is one. */
export type Symbolic = tfl.SymbolicTensor;

/** A symbolic or a concrete tensor. */
export type AnyTensor = tf.Tensor | tfl.SymbolicTensor;
