/** `RmsNorm` on `webgpu`. */
import type {RmsNormAttrs, RmsNormInputs} from '../kernel_names.js';
import {defineProgram, webgpuKernel} from './program.js';
import {rowConstants, rowGroups, rowGroupSize, rowSnippet, type RowConstants} from './rows.js';

const program = defineProgram({
  name: 'RmsNorm',
  inputs: ['x', 'weight'],
  outputs: ['result'],
  uniforms: {rows: 'i32', width: 'i32', epsilon: 'f32'},
  workgroupSize: rowGroupSize,
  code: (constants: RowConstants) => `
    ${rowSnippet(constants, {sumOfRow: 'sum'})}
    fn main(index : i32) {
      let row = rowAt(index);
      let start = row * uniforms.width;
      // Surplus rows of a split dispatch read and write nothing.
      let end = select(0, uniforms.width, row < uniforms.rows);
      var squares = 0.0;
      for (var j = laneAt(); j < end; j = j + LANES) {
        let value = x[start + j];
        squares = squares + value * value;
      }
      let mean = sumOfRow(squares) / f32(uniforms.width);
      let inverse = 1.0 / sqrt(mean + uniforms.epsilon);
      for (var j = laneAt(); j < end; j = j + LANES) {
        result[start + j] = x[start + j] * inverse * weight[j];
      }
    }
  `,
});

export const rmsNorm = webgpuKernel<RmsNormInputs, RmsNormAttrs>(
  (backend, {x, weight}, {epsilon}) => {
    const [rows, width] = x.shape;
    const constants = rowConstants(backend, width);
    const [out] = program(backend, {
      inputs: {x, weight},
      outputs: {result: {shape: x.shape}},
      uniforms: {rows, width, epsilon},
      constants,
      workgroups: rowGroups(constants, rows),
    });
    return out;
  },
);
