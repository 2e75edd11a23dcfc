/** `UnsortedSegmentSum` for wasm, which tfjs-wasm lacks: the gradient of `gather`. */
import * as tf from '@tensorflow/tfjs-core';
import {floats, integers, type WasmKernel} from './wasm_backend.js';

/**
 * Adds rows by segment id. As in TensorFlow, rows with a negative id are dropped and ids too large are refused. Rows are
 * added in order, so the result is the same in every run.
 */
export const unsortedSegmentSum: WasmKernel = ({inputs, attrs, backend}) => {
  const {x, segmentIds} = inputs;
  const {numSegments} = attrs as {numSegments: number};
  const idRank = segmentIds.shape.length;
  const inner = x.shape.slice(idRank);
  const out = backend.makeOutput([numSegments, ...inner], x.dtype);
  const ids = integers(backend, segmentIds);
  const isFloat = x.dtype === 'float32';
  const rows = isFloat ? floats(backend, x) : integers(backend, x);
  const sums = isFloat ? floats(backend, out) : integers(backend, out);
  const width = tf.util.sizeFromShape(inner);
  sums.fill(0);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (id >= numSegments) {
      backend.disposeData(out.dataId);
      throw new Error(
        `unsortedSegmentSum: segmentIds[${i}] = ${id}; expected less than numSegments = ${numSegments}.`,
      );
    }
    if (id < 0) {
      continue;
    }
    const target = id * width;
    const source = i * width;
    for (let j = 0; j < width; j++) {
      sums[target + j] += rows[source + j];
    }
  }
  return out;
};
