/**
 * `ScatterRows` on `webgpu`: rows are sorted by id, then each id's are added up. All sums are NaN where an id is out of range:
 * one made on the device has not been checked by the op, and a sum that lacks its row would be a wrong number.
 */
import type {ScatterRowsAttrs, ScatterRowsInputs} from '../kernel_names.js';
import {ELEMENTWISE_SIZE} from './elementwise.js';
import {defineProgram, webgpuKernel} from './program.js';
import {stableOrder} from './stable_order.js';

const SIZE = 128;

/** `[numSegments + 1]`: how many rows have a smaller id, by bisection of the sorted ids. */
const starts = defineProgram({
  name: 'SegmentStarts',
  inputs: ['ids', 'order'],
  outputs: ['result'],
  uniforms: {count: 'i32', entries: 'i32'},
  workgroupSize: ELEMENTWISE_SIZE,
  code: () => `
    fn main(index : i32) {
      if (index >= uniforms.entries) { return; }
      var low = 0;
      var high = uniforms.count;
      while (low < high) {
        let middle = (low + high) / 2;
        // As unsigned numbers, so that negative ids are the largest here as they were when sorted.
        if (u32(ids[order[middle]]) < u32(index)) { low = middle + 1; } else { high = middle; }
      }
      result[index] = low;
    }
  `,
});

/** Invocations that share the rows of one id and column. */
const LANES = 4;

/**
 * A workgroup one or a few ids and `columns` columns. A common id can have thousands of rows: its lanes share them, each
 * adding every fourth, and the lanes' sums are added in order.
 */
const sums = defineProgram({
  name: 'ScatterRows',
  inputs: ['rows', 'order', 'segments'],
  outputs: ['result'],
  uniforms: {count: 'i32', width: 'i32', numSegments: 'i32', blocks: 'i32'},
  workgroupSize: SIZE,
  code: ({columns}: {columns: number}) => `
    var<workgroup> parts : array<f32, ${SIZE}>;
    fn main(index : i32) {
      let group = groupIndex() / uniforms.blocks;
      let block = groupIndex() - group * uniforms.blocks;
      let segment = group * ${SIZE / LANES / columns} + i32(localIndex) / ${LANES * columns};
      let lane = (i32(localIndex) / ${columns}) % ${LANES};
      let column = block * ${columns} + i32(localIndex) % ${columns};
      let inside = segment < uniforms.numSegments && column < uniforms.width;
      var sum = 0.0;
      if (inside) {
        let last = segments[segment + 1];
        for (var at = segments[segment] + lane; at < last; at = at + ${LANES}) {
          sum = sum + rows[order[at] * uniforms.width + column];
        }
      }
      parts[localIndex] = sum;
      workgroupBarrier();
      if (inside && lane == 0) {
        for (var i = 1u; i < ${LANES}u; i = i + 1u) {
          sum = sum + parts[localIndex + i * ${columns}u];
        }
        // Ids out of range were sorted behind all others.
        let complete = segments[uniforms.numSegments] == uniforms.count;
        result[segment * uniforms.width + column] = select(uniforms.NAN, sum, complete);
      }
    }
  `,
});

export const scatterRows = webgpuKernel<ScatterRowsInputs, ScatterRowsAttrs>(
  (backend, {rows, ids}, {numSegments}) => {
    const [count, width] = rows.shape;
    const shape = [numSegments, width];
    if (count === 0) {
      return backend.makeTensorInfo(shape, 'float32', new Float32Array(numSegments * width));
    }
    const order = stableOrder(backend, ids, numSegments);
    const [segments] = starts(backend, {
      inputs: {ids, order},
      outputs: {result: {shape: [numSegments + 1], dtype: 'int32'}},
      uniforms: {count, entries: numSegments + 1},
      constants: {},
      invocations: numSegments + 1,
    });
    const columns = width > 16 ? 32 : width > 4 ? 16 : 4;
    const blocks = Math.ceil(width / columns);
    const [out] = sums(backend, {
      inputs: {rows, order, segments},
      outputs: {result: {shape}},
      uniforms: {count, width, numSegments, blocks},
      constants: {columns},
      workgroups: Math.ceil(numSegments / (SIZE / LANES / columns)) * blocks,
    });
    for (const {dataId} of [order, segments]) backend.disposeData(dataId);
    return out;
  },
);
