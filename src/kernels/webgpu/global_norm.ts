/** `GlobalNorm` on `webgpu`: workgroups sum parts of each tensor, then one workgroup a tensor sums the parts. */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from './backend.js';
import {webgpuFeatures} from './features.js';
import {defineProgram, webgpuKernel} from './program.js';
import {reduceSnippet} from './reduce.js';

const SIZE = 256;
/** Parts of a tensor at most, and elements that make a part worth it. */
const MOST_PARTS = 256;
const PART_ELEMENTS = 4096;

const squares = defineProgram({
  name: 'GlobalNormParts',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {count: 'i32', parts: 'i32', offset: 'i32'},
  workgroupSize: SIZE,
  code: ({subgroups}: {subgroups: boolean}) => `
    ${reduceSnippet('sumOfAll', 'sum', SIZE, subgroups)}
    fn main(index : i32) {
      var sum = 0.0;
      for (var i = index; i < uniforms.count; i = i + uniforms.parts * ${SIZE}) {
        sum = sum + x[i] * x[i];
      }
      let total = sumOfAll(sum);
      if (localIndex == 0u && groupIndex() < uniforms.parts) {
        result[uniforms.offset + groupIndex()] = total;
      }
    }
  `,
});

const totals = defineProgram({
  name: 'GlobalNorm',
  inputs: ['partSums'],
  outputs: ['result'],
  uniforms: {tensors: 'i32', parts: 'i32'},
  workgroupSize: SIZE,
  code: ({subgroups}: {subgroups: boolean}) => `
    ${reduceSnippet('sumOfAll', 'sum', SIZE, subgroups)}
    fn main(index : i32) {
      let tensor = groupIndex();
      var own = 0.0;
      if (tensor < uniforms.tensors && i32(localIndex) < uniforms.parts) {
        own = partSums[tensor * uniforms.parts + i32(localIndex)];
      }
      let total = sumOfAll(own);
      if (localIndex == 0u && tensor < uniforms.tensors) { result[tensor] = total; }
    }
  `,
});

export const globalNorm = webgpuKernel<tf.NamedTensorInfoMap>((backend, inputs) => {
  const tensors = Object.keys(inputs).map((_, i) => inputs[i] as tf.TensorInfo);
  const sizes = tensors.map(({shape}) => tf.util.sizeFromShape(shape));
  const most = Math.max(...sizes);
  const parts = Math.max(1, Math.min(MOST_PARTS, Math.ceil(most / PART_ELEMENTS)));
  const {subgroups} = webgpuFeatures(backend);
  const partSums = backend.makeTensorInfo([tensors.length, parts], 'float32');
  tensors.forEach((x, i) => {
    const filled = sizes[i] > 0 ? x : zero(backend);
    squares(backend, {
      inputs: {x: filled},
      outputs: {result: partSums},
      uniforms: {count: sizes[i], parts, offset: i * parts},
      constants: {subgroups},
      workgroups: parts,
    });
    if (filled !== x) backend.disposeData(filled.dataId);
  });
  const [sums] = totals(backend, {
    inputs: {partSums},
    outputs: {result: {shape: [tensors.length]}},
    uniforms: {tensors: tensors.length, parts},
    constants: {subgroups},
    workgroups: tensors.length,
  });
  backend.disposeData(partSums.dataId);
  return sums;
});

/** Stands in for a tensor without elements, which WebGPU cannot bind. */
function zero(backend: WebgpuBackend): tf.TensorInfo {
  return backend.makeTensorInfo([1], 'float32', new Float32Array(1));
}
