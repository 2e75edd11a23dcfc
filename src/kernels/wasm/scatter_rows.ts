/** `ScatterRows` for wasm. */
import {unsortedSegmentSum} from './unsorted_segment_sum.js';
import type {WasmKernel} from './wasm_backend.js';

export const scatterRows: WasmKernel = ({inputs, attrs, backend}) =>
  unsortedSegmentSum({inputs: {x: inputs.rows, segmentIds: inputs.ids}, attrs, backend});
