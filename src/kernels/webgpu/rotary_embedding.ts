/** `RotaryEmbedding` on `webgpu`: an invocation for each four pairs, or one. */
import * as tf from '@tensorflow/tfjs-core';
import type {RotaryEmbeddingInputs} from '../kernel_names.js';
import {ELEMENTWISE_SIZE, vectorWidth} from './elementwise.js';
import {defineProgram, webgpuKernel, type Components} from './program.js';

const program = defineProgram({
  name: 'RotaryEmbedding',
  inputs: ['x', 'cosines', 'sines'],
  outputs: ['result'],
  /** `pairs`: vectors of pairs in a row. */
  uniforms: {count: 'i32', pairs: 'i32', time: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  components: ({width}: {width: Components}) => ({
    x: width,
    cosines: width,
    sines: width,
    result: width,
  }),
  code: () => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let row = index / uniforms.pairs;
      let pair = index - row * uniforms.pairs;
      let at = (row % uniforms.time) * uniforms.pairs + pair;
      let lower = row * 2 * uniforms.pairs + pair;
      let upper = lower + uniforms.pairs;
      let first = x[lower];
      let second = x[upper];
      result[lower] = first * cosines[at] - second * sines[at];
      result[upper] = second * cosines[at] + first * sines[at];
    }
  `,
});

export const rotaryEmbedding = webgpuKernel<RotaryEmbeddingInputs>((backend, {x, cos, sin}) => {
  const [time, half] = cos.shape;
  const width = vectorWidth(half);
  const count = tf.util.sizeFromShape(x.shape) / 2 / width;
  const [out] = program(backend, {
    inputs: {x, cosines: cos, sines: sin},
    outputs: {result: {shape: x.shape}},
    uniforms: {count, pairs: half / width, time},
    constants: {width},
    invocations: count,
  });
  return out;
});
