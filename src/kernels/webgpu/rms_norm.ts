/** `RmsNorm` on `webgpu`: a workgroup a row. */
import type {RmsNormAttrs, RmsNormInputs} from '../kernel_names.js';
import {webgpuFeatures} from './features.js';
import {defineProgram, webgpuKernel} from './program.js';
import {reduceSnippet} from './reduce.js';

/** Invocations of a workgroup: enough to load a row of a small model at once. */
export function rowSize(width: number): number {
  return width <= 64 ? 64 : 256;
}

const program = defineProgram({
  name: 'RmsNorm',
  inputs: ['x', 'weight'],
  outputs: ['result'],
  uniforms: {rows: 'i32', width: 'i32', epsilon: 'f32'},
  workgroupSize: ({size}: {size: number; subgroups: boolean}) => size,
  code: ({size, subgroups}) => `
    ${reduceSnippet('sumOfAll', 'sum', size, subgroups)}
    fn main(index : i32) {
      let row = groupIndex();
      let start = row * uniforms.width;
      // Surplus workgroups of a split dispatch read and write nothing.
      let end = select(0, uniforms.width, row < uniforms.rows);
      var squares = 0.0;
      for (var j = i32(localIndex); j < end; j = j + ${size}) {
        let value = x[start + j];
        squares = squares + value * value;
      }
      let mean = sumOfAll(squares) / f32(uniforms.width);
      let inverse = 1.0 / sqrt(mean + uniforms.epsilon);
      for (var j = i32(localIndex); j < end; j = j + ${size}) {
        result[start + j] = x[start + j] * inverse * weight[j];
      }
    }
  `,
});

export const rmsNorm = webgpuKernel<RmsNormInputs, RmsNormAttrs>(
  (backend, {x, weight}, {epsilon}) => {
    const [rows, width] = x.shape;
    const {subgroups} = webgpuFeatures(backend);
    const [out] = program(backend, {
      inputs: {x, weight},
      outputs: {result: {shape: x.shape}},
      uniforms: {rows, width, epsilon},
      constants: {size: rowSize(width), subgroups},
      workgroups: rows,
    });
    return out;
  },
);
