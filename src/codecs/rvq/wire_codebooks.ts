/** The wire copy as numbers. */
import * as tf from '@tensorflow/tfjs-core';
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';

/** The first rounds of the copy, from its bfloat16 bits: float32 `[rounds, G, K, w]`. The caller frees it. */
export function wireCodebooks(
  wire: Uint16Array,
  {groups, codes, width}: CodebookSize,
  rounds: number,
): tf.Tensor4D {
  const values = valuesOf(wire.subarray(0, rounds * groups * codes * width));
  return tf.tensor4d(values, [rounds, groups, codes, width]);
}

/** The numbers that bfloat16 bits are. */
export function valuesOf(bits: Uint16Array): Float32Array {
  const words = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(words.buffer);
}
