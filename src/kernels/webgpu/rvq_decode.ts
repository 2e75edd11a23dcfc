/** `RvqDecode` on `webgpu`: an invocation adds up an entry's codes in the order of the rounds. */
import type {RvqDecodeInputs} from '../kernel_names.js';
import {defineProgram, webgpuKernel} from './program.js';

const program = defineProgram({
  name: 'RvqDecode',
  inputs: ['indices', 'codebooks'],
  outputs: ['result'],
  uniforms: {total: 'i32', rows: 'i32', rounds: 'i32', groups: 'i32', codes: 'i32', width: 'i32'},
  workgroupSize: 64,
  code: () => `
  /** NaN for an index that is no code: one made on the device has not been checked by the op. */
  fn entry(round : i32, place : i32, column : i32) -> f32 {
    let code = indices[round * uniforms.rows * uniforms.groups + place];
    if (code < 0 || code >= uniforms.codes) { return uniforms.NAN; }
    let book = round * uniforms.groups + place % uniforms.groups;
    return codebooks[(book * uniforms.codes + code) * uniforms.width + column];
  }

  fn main(index : i32) {
    if (index >= uniforms.total) { return; }
    let place = index / uniforms.width;
    let column = index % uniforms.width;
    var sum = entry(0, place, column);
    for (var round = 1; round < uniforms.rounds; round = round + 1) {
      sum = sum + entry(round, place, column);
    }
    result[index] = sum;
  }
`,
});

export const rvqDecode = webgpuKernel<RvqDecodeInputs>((backend, {indices, codebooks}) => {
  const [rounds, groups, codes, width] = codebooks.shape;
  const rows = indices.shape[1];
  const total = rows * groups * width;
  const [out] = program(backend, {
    inputs: {indices, codebooks},
    outputs: {result: {shape: [rows, groups * width]}},
    uniforms: {total, rows, rounds, groups, codes, width},
    constants: {},
    invocations: total,
  });
  return out;
});
