/** `RmsNormGrad` on `webgpu`. */
import type {RmsNormAttrs, RmsNormGradInputs} from '../kernel_names.js';
import {sumRowBlocks, sumRows} from './column_sums.js';
import {defineProgram, webgpuKernel} from './program.js';
import {rowConstants, rowGroups, rowGroupSize, rowSnippet, type RowConstants} from './rows.js';

/**
 * With `r = 1/rms` and `g = dy · weight`, `dx = r (g − x r² mean(g x))`. Keeps `r` for the weight's
 * gradient.
 */
const perRow = defineProgram({
  name: 'RmsNormGrad',
  inputs: ['x', 'weight', 'dy'],
  outputs: ['result', 'inverses'],
  uniforms: {rows: 'i32', width: 'i32', epsilon: 'f32'},
  workgroupSize: rowGroupSize,
  code: (constants: RowConstants) => `
    ${rowSnippet(constants, {sumOfRow: 'sum'})}
    fn main(index : i32) {
      let row = rowAt(index);
      let start = row * uniforms.width;
      let end = select(0, uniforms.width, row < uniforms.rows);
      var squares = 0.0;
      var products = 0.0;
      for (var j = laneAt(); j < end; j = j + LANES) {
        let value = x[start + j];
        squares = squares + value * value;
        products = products + value * dy[start + j] * weight[j];
      }
      let mean = sumOfRow(squares) / f32(uniforms.width);
      let inverse = 1.0 / sqrt(mean + uniforms.epsilon);
      let along = sumOfRow(products) * inverse / f32(uniforms.width);
      for (var j = laneAt(); j < end; j = j + LANES) {
        let g = dy[start + j] * weight[j];
        result[start + j] = (g - x[start + j] * inverse * along) * inverse;
      }
      if (laneAt() == 0 && end > 0) { inverses[row] = inverse; }
    }
  `,
});

export const rmsNormGrad = webgpuKernel<RmsNormGradInputs, RmsNormAttrs>(
  (backend, {x, weight, dy}, {epsilon}) => {
    const [rows, width] = x.shape;
    const constants = rowConstants(backend, width);
    const [dx, inverses] = perRow(backend, {
      inputs: {x, weight, dy},
      outputs: {result: {shape: x.shape}, inverses: {shape: [rows]}},
      uniforms: {rows, width, epsilon},
      constants,
      workgroups: rowGroups(constants, rows),
    });
    const partial = sumRowBlocks(backend, x, dy, inverses);
    const dweight = sumRows(backend, partial);
    for (const {dataId} of [inverses, partial]) backend.disposeData(dataId);
    return [dx, dweight];
  },
);
