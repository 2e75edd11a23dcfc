/** `SparseCrossEntropy` on `webgpu`: one pass over the logits. */
import type {SparseCrossEntropyInputs} from '../kernel_names.js';
import {defineProgram, webgpuKernel} from './program.js';
import {rowConstants, rowGroups, rowGroupSize, rowSnippet, type RowConstants} from './rows.js';

/**
 * Each invocation keeps the largest logit it has seen and the sum of exponentials relative to it, and rescales the sum when a
 * larger one comes (Milakov and Gimelshein, arXiv 1805.02867). NaN is looked for by its bits, since a shader compiler may
 * take comparisons and maxima for free of it.
 */
const program = defineProgram({
  name: 'SparseCrossEntropy',
  inputs: ['logits', 'targets'],
  outputs: ['result', 'lse'],
  uniforms: {rows: 'i32', classes: 'i32'},
  workgroupSize: rowGroupSize,
  code: (constants: RowConstants) => `
    ${rowSnippet(constants, {largestOfRow: 'max', sumOfRow: 'sum'})}
    fn main(index : i32) {
      let row = rowAt(index);
      let start = row * uniforms.classes;
      let end = select(0, uniforms.classes, row < uniforms.rows);
      var largest = -3.4e38;
      var sum = 0.0;
      for (var j = laneAt(); j < end; j = j + LANES) {
        let logit = logits[start + j];
        if (isnan(logit) || logit > 3.4028234e38) {
          // Infinity minus itself, where the reference subtracts the largest.
          sum = uniforms.NAN;
        } else if (logit > largest) {
          sum = sum * exp(largest - logit) + 1.0;
          largest = logit;
        } else {
          sum = sum + exp(logit - largest);
        }
      }
      let top = largestOfRow(largest);
      // An invocation without logits has none to rescale.
      let total = sumOfRow(select(sum * exp(largest - top), 0.0, sum == 0.0));
      if (laneAt() == 0 && end > 0) {
        // Some devices' log makes a number of NaN; nothing is summed where all logits are −∞.
        let wrong = isnan(total) || total == 0.0;
        lse[row] = select(top + log(total), uniforms.NAN, wrong);
        // A target made on the GPU has not been checked by the op.
        let known = targets[row] >= 0 && targets[row] < uniforms.classes;
        let at = select(0, targets[row], known);
        // Added to a logit of thousands first, the logarithm would keep few of its digits.
        result[row] = select(uniforms.NAN, log(total) + (top - logits[start + at]), known && !wrong);
      }
    }
  `,
});

export const sparseCrossEntropy = webgpuKernel<SparseCrossEntropyInputs>(
  (backend, {logits, targets}) => {
    const [rows, classes] = logits.shape;
    const constants = rowConstants(backend, classes);
    return program(backend, {
      inputs: {logits, targets},
      outputs: {result: {shape: [rows]}, lse: {shape: [rows]}},
      uniforms: {rows, classes},
      constants,
      workgroups: rowGroups(constants, rows),
    });
  },
);
