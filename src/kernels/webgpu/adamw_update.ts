/** `AdamWUpdate` on `webgpu`: one program, three outputs. */
import * as tf from '@tensorflow/tfjs-core';
import {adamWFactors} from '../composed/adamw_update.js';
import type {AdamWUpdateAttrs, AdamWUpdateInputs} from '../kernel_names.js';
import {ELEMENTWISE_SIZE, vectorWidth} from './elementwise.js';
import {defineProgram, webgpuKernel, type Components} from './program.js';

const program = defineProgram({
  name: 'AdamWUpdate',
  inputs: ['value', 'gradient', 'first', 'second'],
  outputs: ['result', 'newFirst', 'newSecond'],
  uniforms: {
    count: 'i32',
    firstShare: 'f32',
    keepSecond: 'f32',
    secondShare: 'f32',
    epsilon: 'f32',
    stepSize: 'f32',
    keepValue: 'f32',
  },
  workgroupSize: ELEMENTWISE_SIZE,
  components: ({width}: {width: Components}) => ({
    value: width,
    gradient: width,
    first: width,
    second: width,
    result: width,
    newFirst: width,
    newSecond: width,
  }),
  code: () => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let g = gradient[index];
      let m = first[index] + (g - first[index]) * uniforms.firstShare;
      let v = second[index] * uniforms.keepSecond + g * g * uniforms.secondShare;
      newFirst[index] = m;
      newSecond[index] = v;
      let quotient = m / (sqrt(v) + uniforms.epsilon);
      result[index] = value[index] * uniforms.keepValue - quotient * uniforms.stepSize;
    }
  `,
});

export const adamWUpdate = webgpuKernel<AdamWUpdateInputs, AdamWUpdateAttrs>(
  (backend, {value, gradient, first, second}, attrs) => {
    const size = tf.util.sizeFromShape(value.shape);
    const width = vectorWidth(size);
    const factors = adamWFactors(attrs);
    const {shape} = value;
    return program(backend, {
      inputs: {value, gradient, first, second},
      outputs: {result: {shape}, newFirst: {shape}, newSecond: {shape}},
      uniforms: {
        count: size / width,
        firstShare: factors.newFirst,
        keepSecond: factors.keepSecond,
        secondShare: factors.newSecond,
        epsilon: factors.epsilon,
        stepSize: factors.stepSize,
        keepValue: factors.keepValue,
      },
      constants: {width},
      invocations: size / width,
    });
  },
);
