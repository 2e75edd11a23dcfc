/** Positions sorted by id on the GPU, those of one id in order: a radix sort by 8 bits at a time. */
import type * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from './backend.js';
import {defineProgram} from './program.js';

/** Values of a digit, positions of a tile, and invocations of a workgroup. */
const DIGITS = 256;

/** The digit of the position that stands at `at` in the order so far. Ids that are too large all count as the largest. */
const digitSnippet = (first: boolean) => `
  fn digitAt(at : i32) -> u32 {
    ${first ? 'let position = at;' : 'let position = order[at];'}
    let id = min(u32(ids[position]), u32(uniforms.numIds));
    return (id >> u32(uniforms.shift)) & ${DIGITS - 1}u;
  }
`;

/** `[tiles,256]`: how often each digit occurs in each tile. Atomics on integers: no order changes the sum. */
const histogram = defineProgram({
  name: 'RadixHistogram',
  inputs: ['ids', 'order'],
  outputs: ['result'],
  uniforms: {count: 'i32', numIds: 'i32', shift: 'i32', tiles: 'i32'},
  workgroupSize: DIGITS,
  code: ({first}: {first: boolean}) => `
    var<workgroup> counts : array<atomic<i32>, ${DIGITS}>;
    ${digitSnippet(first)}
    fn main(index : i32) {
      atomicStore(&counts[localIndex], 0);
      workgroupBarrier();
      if (index < uniforms.count) { atomicAdd(&counts[digitAt(index)], 1); }
      workgroupBarrier();
      if (groupIndex() < uniforms.tiles) { result[index] = atomicLoad(&counts[localIndex]); }
    }
  `,
});

/** `[tiles,256]`: where a tile's first position with a digit goes. One workgroup, an invocation a digit. */
const offsets = defineProgram({
  name: 'RadixOffsets',
  inputs: ['counts'],
  outputs: ['result'],
  uniforms: {tiles: 'i32'},
  workgroupSize: DIGITS,
  code: () => `
    var<workgroup> totals : array<i32, ${DIGITS}>;
    fn main(index : i32) {
      let digit = i32(localIndex);
      var total = 0;
      for (var tile = 0; tile < uniforms.tiles; tile = tile + 1) {
        total = total + counts[tile * ${DIGITS} + digit];
      }
      totals[localIndex] = total;
      workgroupBarrier();
      var next = 0;
      for (var lower = 0; lower < digit; lower = lower + 1) { next = next + totals[lower]; }
      for (var tile = 0; tile < uniforms.tiles; tile = tile + 1) {
        result[tile * ${DIGITS} + digit] = next;
        next = next + counts[tile * ${DIGITS} + digit];
      }
    }
  `,
});

/** Takes each position to its place: its tile's offset plus the number of equal digits before it in the tile. */
const reorder = defineProgram({
  name: 'RadixReorder',
  inputs: ['ids', 'order', 'places'],
  outputs: ['result'],
  uniforms: {count: 'i32', numIds: 'i32', shift: 'i32'},
  workgroupSize: DIGITS,
  code: ({first}: {first: boolean}) => `
    var<workgroup> digits : array<u32, ${DIGITS}>;
    ${digitSnippet(first)}
    fn main(index : i32) {
      var digit = 0u;
      if (index < uniforms.count) { digit = digitAt(index); }
      digits[localIndex] = digit;
      workgroupBarrier();
      if (index < uniforms.count) {
        var rank = 0;
        for (var i = 0u; i < localIndex; i = i + 1u) {
          rank = rank + select(0, 1, digits[i] == digit);
        }
        let place = places[groupIndex() * ${DIGITS} + i32(digit)] + rank;
        result[place] = ${first ? 'index' : 'order[index]'};
      }
    }
  `,
});

/**
 * The positions `0 … n − 1`, ordered by `ids[position]` and then by position.
 *
 * @param ids int32 `[n]`, from 0 up to `numIds − 1`; others come last
 * @returns int32 `[n]`, to be disposed
 */
export function stableOrder(
  backend: WebgpuBackend,
  ids: tf.TensorInfo,
  numIds: number,
): tf.TensorInfo {
  const [count] = ids.shape;
  const tiles = Math.ceil(count / DIGITS);
  const table = {shape: [tiles, DIGITS], dtype: 'int32' as const};
  // In the first pass nothing is ordered yet, and `ids` stands in for the order, which is not read.
  let order = ids;
  // `numIds` itself must fit as well: it stands for ids that are too large.
  for (let shift = 0; numIds >> shift > 0; shift += 8) {
    const first = shift === 0;
    const [counts] = histogram(backend, {
      inputs: {ids, order},
      outputs: {result: table},
      uniforms: {count, numIds, shift, tiles},
      constants: {first},
      workgroups: tiles,
    });
    const [places] = offsets(backend, {
      inputs: {counts},
      outputs: {result: table},
      uniforms: {tiles},
      constants: {},
      workgroups: 1,
    });
    const [next] = reorder(backend, {
      inputs: {ids, order, places},
      outputs: {result: {shape: [count], dtype: 'int32'}},
      uniforms: {count, numIds, shift},
      constants: {first},
      workgroups: tiles,
    });
    for (const {dataId} of [counts, places]) backend.disposeData(dataId);
    if (!first) backend.disposeData(order.dataId);
    order = next;
  }
  return order;
}
