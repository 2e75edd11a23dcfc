/** `SparseCrossEntropyGrad` on `webgpu`: `(softmax − [j = target]) · dloss`, with no one-hot matrix. */
import type {SparseCrossEntropyGradInputs} from '../kernel_names.js';
import {defineProgram, webgpuKernel} from './program.js';

const SIZE = 256;
/** Logits of a row that a workgroup takes: so that rows are told apart once a workgroup, not once a logit. */
const CHUNK = 8 * SIZE;

const program = defineProgram({
  name: 'SparseCrossEntropyGrad',
  inputs: ['logits', 'targets', 'lse', 'dloss'],
  outputs: ['result'],
  uniforms: {rows: 'i32', classes: 'i32', chunks: 'i32'},
  workgroupSize: SIZE,
  code: () => `
    fn main(index : i32) {
      let group = groupIndex();
      let row = group / uniforms.chunks;
      if (row >= uniforms.rows) { return; }
      let first = (group - row * uniforms.chunks) * ${CHUNK};
      let last = min(first + ${CHUNK}, uniforms.classes);
      let start = row * uniforms.classes;
      let goal = targets[row];
      // A target made on the GPU has not been checked by the op.
      let known = goal >= 0 && goal < uniforms.classes;
      for (var j = first + i32(localIndex); j < last; j = j + ${SIZE}) {
        let exponent = logits[start + j] - lse[row];
        // Some devices' exp makes a number of NaN.
        let probability = select(exp(exponent), exponent, isnan(exponent));
        let hot = select(0.0, 1.0, j == goal);
        result[start + j] = select(uniforms.NAN, (probability - hot) * dloss[row], known);
      }
    }
  `,
});

export const sparseCrossEntropyGrad = webgpuKernel<SparseCrossEntropyGradInputs>(
  (backend, {logits, targets, lse, dloss}) => {
    const [rows, classes] = logits.shape;
    const chunks = Math.ceil(classes / CHUNK);
    const [out] = program(backend, {
      inputs: {logits, targets, lse, dloss},
      outputs: {result: {shape: logits.shape}},
      uniforms: {rows, classes, chunks},
      constants: {},
      workgroups: rows * chunks,
    });
    return out;
  },
);
