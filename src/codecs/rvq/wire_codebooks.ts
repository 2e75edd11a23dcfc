/** The wire copy as a tensor, made anew only when it has changed. */
import * as tf from '@tensorflow/tfjs-core';
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';

export class WireCodebooks {
  private tensor: tf.Tensor4D | null = null;

  constructor(private readonly size: CodebookSize) {}

  /** The first rounds of the copy, from its bfloat16 bits, float32 `[rounds, G, K, w]`. The caller frees it. */
  firstRounds(wire: Uint16Array, rounds: number): tf.Tensor4D {
    const {groups, codes, width} = this.size;
    const shape: [number, number, number, number] = [this.size.rounds, groups, codes, width];
    this.tensor ??= tf.tensor4d(valuesOf(wire), shape);
    return tf.slice(this.tensor, [0, 0, 0, 0], [rounds, groups, codes, width]);
  }

  /** To be called when the bits have changed, and at the end. */
  dispose(): void {
    this.tensor?.dispose();
    this.tensor = null;
  }
}

/** The numbers that bfloat16 bits are. */
export function valuesOf(bits: Uint16Array): Float32Array {
  const words = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(words.buffer);
}
