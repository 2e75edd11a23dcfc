/** `SwiGLU` and `SwiGLUGrad` on `webgpu`. */
import * as tf from '@tensorflow/tfjs-core';
import type {SwiGLUGradInputs, SwiGLUInputs} from '../kernel_names.js';
import {ELEMENTWISE_SIZE, floatType, vectorWidth} from './elementwise.js';
import {defineProgram, webgpuKernel, type Components} from './program.js';

/** Elements that one invocation handles at a time. */
type Width = {width: Components};

const forward = defineProgram({
  name: 'SwiGLU',
  inputs: ['gate', 'up'],
  outputs: ['result'],
  uniforms: {count: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  components: ({width}: Width) => ({gate: width, up: width, result: width}),
  code: ({width}) => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let g = gate[index];
      result[index] = g / (${floatType(width)}(1.0) + exp(-g)) * up[index];
    }
  `,
});

/** With `σ = sigmoid(gate)`: `dgate = dy up σ (1 + gate (1 − σ))`, `dup = dy gate σ`. */
const backward = defineProgram({
  name: 'SwiGLUGrad',
  inputs: ['gate', 'up', 'dy'],
  outputs: ['result', 'dup'],
  uniforms: {count: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  components: ({width}: Width) => ({gate: width, up: width, dy: width, result: width, dup: width}),
  code: ({width}) => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let one = ${floatType(width)}(1.0);
      let g = gate[index];
      let d = dy[index];
      let sigma = one / (one + exp(-g));
      result[index] = d * up[index] * sigma * (one + g * (one - sigma));
      dup[index] = d * g * sigma;
    }
  `,
});

export const swiglu = webgpuKernel<SwiGLUInputs>((backend, {gate, up}) => {
  const size = tf.util.sizeFromShape(gate.shape);
  const width = vectorWidth(size);
  const [out] = forward(backend, {
    inputs: {gate, up},
    outputs: {result: {shape: gate.shape}},
    uniforms: {count: size / width},
    constants: {width},
    invocations: size / width,
  });
  return out;
});

export const swigluGrad = webgpuKernel<SwiGLUGradInputs>((backend, {gate, up, dy}) => {
  const size = tf.util.sizeFromShape(gate.shape);
  const width = vectorWidth(size);
  return backward(backend, {
    inputs: {gate, up, dy},
    outputs: {result: {shape: gate.shape}, dup: {shape: gate.shape}},
    uniforms: {count: size / width},
    constants: {width},
    invocations: size / width,
  });
});
