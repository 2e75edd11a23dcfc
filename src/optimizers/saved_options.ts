import type * as tf from '@tensorflow/tfjs-core';

/** A saved configuration without `customObjects`, which tfjs-layers adds to every configuration that it loads. */
export function savedOptions(config: tf.serialization.ConfigDict): tf.serialization.ConfigDict {
  const {customObjects: _, ...options} = config;
  return options;
}
