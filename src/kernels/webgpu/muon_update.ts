/** `MuonUpdate` on `webgpu`. */
import * as tf from '@tensorflow/tfjs-core';
import type {MuonUpdateAttrs, MuonUpdateInputs} from '../kernel_names.js';
import {ELEMENTWISE_SIZE, vectorWidth} from './elementwise.js';
import {defineProgram, webgpuKernel, type Components} from './program.js';

const program = defineProgram({
  name: 'MuonUpdate',
  inputs: ['momentum', 'gradient'],
  outputs: ['result', 'direction'],
  uniforms: {count: 'i32', beta: 'f32', share: 'f32'},
  workgroupSize: ELEMENTWISE_SIZE,
  components: ({width}: {width: Components; nesterov: boolean}) => ({
    momentum: width,
    gradient: width,
    result: width,
    direction: width,
  }),
  code: ({nesterov}) => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let share = gradient[index] * uniforms.share;
      let mean = momentum[index] * uniforms.beta + share;
      result[index] = mean;
      direction[index] = ${nesterov ? 'mean * uniforms.beta + share' : 'mean'};
    }
  `,
});

export const muonUpdate = webgpuKernel<MuonUpdateInputs, MuonUpdateAttrs>(
  (backend, {momentum, gradient}, {beta, nesterov}) => {
    const size = tf.util.sizeFromShape(momentum.shape);
    const width = vectorWidth(size);
    const {shape} = momentum;
    return program(backend, {
      inputs: {momentum, gradient},
      outputs: {result: {shape}, direction: {shape}},
      uniforms: {count: size / width, beta, share: 1 - beta},
      constants: {width, nesterov},
      invocations: size / width,
    });
  },
);
