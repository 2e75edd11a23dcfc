/** Programs that go over the rows of a matrix: a workgroup a row, or an invocation a row where rows are short. */
import type {WebgpuBackend} from './backend.js';
import {webgpuFeatures} from './features.js';
import {reduceSnippet, type Reduction} from './reduce.js';

/** What the text of such a program depends on. */
export type RowConstants = {
  /** Invocations that share a row. */
  lanes: number;
  subgroups: boolean;
};

/** Rows of a workgroup whose invocations have one each. */
const ROWS = 64;

/** How the rows of a `[n, width]` matrix are shared out on this backend's device. */
export function rowConstants(backend: WebgpuBackend, width: number): RowConstants {
  const {subgroups} = webgpuFeatures(backend);
  const lanes = width <= 16 ? 1 : width <= 64 ? 64 : 256;
  return {lanes, subgroups: subgroups && lanes > 1};
}

/** Invocations of a workgroup. */
export function rowGroupSize({lanes}: RowConstants): number {
  return lanes === 1 ? ROWS : lanes;
}

/** Workgroups for `rows` rows. */
export function rowGroups({lanes}: RowConstants, rows: number): number {
  return lanes === 1 ? Math.ceil(rows / ROWS) : rows;
}

/**
 * Text of `fn rowAt(index : i32) -> i32`, the row of an invocation; `fn laneAt() -> i32`, which of the row's `LANES`
 * invocations it is; and functions that combine a value over a row's invocations.
 *
 * @param reductions names of the functions, and what they do
 */
export function rowSnippet(
  {lanes, subgroups}: RowConstants,
  reductions: Readonly<Record<string, Reduction>>,
): string {
  const functions = Object.entries(reductions).map(([name, reduction]) =>
    lanes === 1
      ? `fn ${name}(value : f32) -> f32 { return value; }`
      : reduceSnippet(name, reduction, lanes, subgroups),
  );
  return `
    ${functions.join('\n')}
    const LANES = ${lanes};
    fn rowAt(index : i32) -> i32 { return ${lanes === 1 ? 'index' : 'groupIndex()'}; }
    fn laneAt() -> i32 { return ${lanes === 1 ? '0' : 'i32(localIndex)'}; }
  `;
}
