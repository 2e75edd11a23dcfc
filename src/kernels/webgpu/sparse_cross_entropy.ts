/** `SparseCrossEntropy` on `webgpu`: a workgroup a row, one pass over the logits. */
import type {SparseCrossEntropyInputs} from '../kernel_names.js';
import {webgpuFeatures} from './features.js';
import {defineProgram, webgpuKernel} from './program.js';
import {reduceSnippet} from './reduce.js';

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
  workgroupSize: ({size}: {size: number; subgroups: boolean}) => size,
  code: ({size, subgroups}) => `
    ${reduceSnippet('largestOfAll', 'max', size, subgroups)}
    ${reduceSnippet('sumOfAll', 'sum', size, subgroups)}
    fn main(index : i32) {
      let row = groupIndex();
      let start = row * uniforms.classes;
      let end = select(0, uniforms.classes, row < uniforms.rows);
      var largest = -3.4e38;
      var sum = 0.0;
      for (var j = i32(localIndex); j < end; j = j + ${size}) {
        let logit = logits[start + j];
        if (isnan(logit)) {
          sum = uniforms.NAN;
        } else if (logit > largest) {
          sum = sum * exp(largest - logit) + 1.0;
          largest = logit;
        } else {
          sum = sum + exp(logit - largest);
        }
      }
      let top = largestOfAll(largest);
      // An invocation without logits has none to rescale.
      let total = sumOfAll(select(sum * exp(largest - top), 0.0, sum == 0.0));
      if (localIndex == 0u && end > 0) {
        let value = top + log(total);
        lse[row] = value;
        result[row] = value - logits[start + targets[row]];
      }
    }
  `,
});

export const sparseCrossEntropy = webgpuKernel<SparseCrossEntropyInputs>(
  (backend, {logits, targets}) => {
    const [rows, classes] = logits.shape;
    const {subgroups} = webgpuFeatures(backend);
    return program(backend, {
      inputs: {logits, targets},
      outputs: {result: {shape: [rows]}, lse: {shape: [rows]}},
      uniforms: {rows, classes},
      constants: {size: classes <= 64 ? 64 : 256, subgroups},
      workgroups: rows,
    });
  },
);
