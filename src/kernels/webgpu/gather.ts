/** `GatherV2` on `webgpu`, where tfjs-webgpu's reads zeros at indices that are out of range: other backends refuse those. */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from './backend.js';
import {ELEMENTWISE_SIZE} from './elementwise.js';
import {defineProgram} from './program.js';

/** `x [batch, outer, dim, slice]` at `indices [batch, picks]` → `[batch, outer, picks, slice]`. */
const program = defineProgram({
  name: 'Gather',
  inputs: ['x', 'indices'],
  outputs: ['result'],
  uniforms: {count: 'i32', outer: 'i32', dim: 'i32', picks: 'i32', slice: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  code: () => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      let row = index / uniforms.slice;
      let block = row / uniforms.picks;
      let pick = indices[block / uniforms.outer * uniforms.picks + row % uniforms.picks];
      // Nobody can look at indices on the device without waiting for it, and zeros would be trained on unnoticed.
      if (pick < 0 || pick >= uniforms.dim) { result[index] = uniforms.NAN; return; }
      result[index] = x[(block * uniforms.dim + pick) * uniforms.slice + index % uniforms.slice];
    }
  `,
});

/**
 * NaN for indices out of range that are on the device. Integers, which have no NaN, and indices that are still on the host,
 * where ops check them, go to tfjs-webgpu's own kernel.
 *
 * @param original that kernel
 */
export function gatherKernel(original: tf.KernelFunc): tf.KernelFunc {
  return (args) => {
    const {x, indices} = args.inputs as {x: tf.TensorInfo; indices: tf.TensorInfo};
    const {axis, batchDims} = args.attrs as {axis: number; batchDims: number};
    const backend = args.backend as WebgpuBackend;
    const isOnHost = backend.tensorMap.get(indices.dataId).values != null;
    if (x.dtype !== 'float32' || isOnHost) return original(args);
    const {batchSize, outerSize, dimSize, sliceSize, outputShape} =
      tf.backend_util.segment_util.collectGatherOpShapeInfo(
        x as tf.Tensor,
        indices as tf.Tensor,
        tf.util.parseAxisParam(axis, x.shape)[0],
        batchDims,
      );
    const count = tf.util.sizeFromShape(outputShape);
    if (count === 0) return original(args);
    const [out] = program(backend, {
      inputs: {x, indices},
      outputs: {result: {shape: outputShape}},
      uniforms: {
        count,
        outer: outerSize,
        dim: dimSize,
        picks: tf.util.sizeFromShape(indices.shape) / batchSize,
        slice: sliceSize,
      },
      constants: {},
      invocations: count,
    });
    return out;
  };
}
