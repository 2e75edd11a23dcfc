/** `GatherV2` for wasm: copies whole slices, where tfjs-wasm's works out the place of every number. */
import * as tf from '@tensorflow/tfjs-core';
import {integers, type WasmKernel} from './wasm_backend.js';

/** Slices of at least this many bytes are copied by the engine's own routine, shorter ones by a loop. */
const LONG_SLICE = 64;

/** `x` read at `indices` along `axis`, after `batchDims` shared dimensions; float32, int32 or bool. */
export const gather: WasmKernel = ({inputs, attrs, backend}) => {
  const {x, indices} = inputs;
  const {axis, batchDims} = attrs as {axis: number; batchDims: number};
  const parsedAxis = tf.util.parseAxisParam(axis, x.shape)[0];
  const {batchSize, outerSize, dimSize, sliceSize, outputShape} =
    tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      parsedAxis,
      batchDims,
    );
  const at = integers(backend, indices);
  for (let i = 0; i < at.length; i++) {
    tf.util.assert(
      at[i] >= 0 && at[i] < dimSize,
      () => `GatherV2: the index value ${at[i]} is not in [0, ${dimSize - 1}]`,
    );
  }
  const out = backend.makeOutput(outputShape, x.dtype);
  const bytes = tf.util.bytesPerElement(x.dtype) * sliceSize;
  const perBatch = at.length / batchSize;
  const picked = integers(backend, indices);
  const heap = backend.wasm.HEAPU8;
  const words = new Uint32Array(heap.buffer);
  const source = backend.dataIdMap.get(x.dataId).memoryOffset;
  let target = backend.dataIdMap.get(out.dataId).memoryOffset;
  for (let batch = 0; batch < batchSize; batch++) {
    for (let outer = 0; outer < outerSize; outer++) {
      const start = source + (batch * outerSize + outer) * dimSize * bytes;
      for (let i = 0; i < perBatch; i++) {
        const from = start + picked[batch * perBatch + i] * bytes;
        if (bytes >= LONG_SLICE) {
          heap.copyWithin(target, from, from + bytes);
        } else if (bytes % 4 === 0) {
          for (let w = 0; w < bytes >> 2; w++) {
            words[(target >>> 2) + w] = words[(from >>> 2) + w];
          }
        } else {
          for (let b = 0; b < bytes; b++) {
            heap[target + b] = heap[from + b];
          }
        }
        target += bytes;
      }
    }
  }
  return out;
};
