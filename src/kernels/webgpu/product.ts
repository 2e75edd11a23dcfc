/**
 * Programs that are matrix products, and how they are run: the inner dimension is cut into parts, each of workgroups of its own,
 * where there are too few tiles to fill a GPU; parts are then added in order, so that the bits do not vary.
 */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from './backend.js';
import {defineProgram, type Constants} from './program.js';
import {
  DEPTH,
  PRODUCT_INVOCATIONS,
  productText,
  type ProductConstants,
  type Summand,
} from './tiled_product.js';

/** Sizes of a call. `rows`, `columns` of a result, `parts` of the inner dimension of `partLength` each. */
const SIZES = {
  items: 'i32',
  rows: 'i32',
  columns: 'i32',
  tilesDown: 'i32',
  tilesAcross: 'i32',
  parts: 'i32',
  partLength: 'i32',
} as const;

/** Where a plain result goes. */
const PUT_PLAIN = `
    result[((batch * uniforms.parts + part) * uniforms.rows + row) * uniforms.columns + column] = value;`;

/** Workgroups below which a GPU is not filled: tiles are made smaller, then the inner dimension is cut. */
const ENOUGH_WORKGROUPS = 128;

/** The shortest part of an inner dimension. */
const SHORTEST_PART = 256;

/** How products are spread over workgroups. */
export interface ProductPlan {
  constants: ProductConstants;
  uniforms: Record<keyof typeof SIZES, number>;
}

/**
 * The plan of products `[batch, rows, columns]`.
 *
 * @param inner inner dimension of the first summand
 * @param mayCut whether it may be cut; not where a program stores its results in a way of its own
 */
export function planProduct(
  batch: number,
  rows: number,
  columns: number,
  inner: number,
  mayCut: boolean,
): ProductPlan {
  const tiles = (side: number) => batch * Math.ceil(rows / side) * Math.ceil(columns / side);
  const blocks = tiles(64) >= ENOUGH_WORKGROUPS ? 2 : 1;
  const side = 32 * blocks;
  const wanted = Math.floor(ENOUGH_WORKGROUPS / Math.max(1, tiles(side)));
  const most = mayCut ? Math.max(1, Math.min(wanted, Math.floor(inner / SHORTEST_PART))) : 1;
  const depth = DEPTH[blocks];
  const partLength = Math.ceil(Math.ceil(inner / most) / depth) * depth;
  const parts = Math.max(1, Math.ceil(inner / partLength));
  const [tilesDown, tilesAcross] = [Math.ceil(rows / side), Math.ceil(columns / side)];
  const items = batch * parts * tilesDown * tilesAcross;
  return {
    constants: {blocks},
    uniforms: {items, rows, columns, tilesDown, tilesAcross, parts, partLength},
  };
}

/** Definition of a product; see `ProgramSpec` for `name`, `inputs` and `uniforms`, which has the sizes of the plan beside. */
export interface ProductSpec<I extends string, U extends string, C extends Constants> {
  name: string;
  inputs: readonly I[];
  uniforms: Readonly<Record<U, 'i32' | 'f32'>>;
  /** WGSL of functions that the summands call. */
  functions?: string;
  summands: (constants: C) => readonly Summand[];
  /** WGSL that stores `value` at `row`, `column` of `batch` in `result`, where that is not just its place. */
  put?: (constants: C) => string;
}

/** One run of a product. */
export interface ProductRun<I extends string, U extends string, C> {
  inputs: Readonly<Record<I, tf.TensorInfo>>;
  plan: ProductPlan;
  /** Shape of the result, whose size is that of the plan's matrices. */
  shape: number[];
  uniforms: Readonly<Record<U, number>>;
  constants: C;
}

/** Defines a product; runs of it give the whole sum. */
export function defineProduct<
  I extends string,
  U extends string = never,
  C extends Constants = Record<string, never>,
>(spec: ProductSpec<I, U, C>) {
  const {name, inputs: names, functions = '', summands, put} = spec;
  const program = defineProgram({
    name,
    inputs: names,
    outputs: ['result'],
    uniforms: {...SIZES, ...spec.uniforms} as Record<keyof typeof SIZES | U, 'i32' | 'f32'>,
    workgroupSize: PRODUCT_INVOCATIONS,
    code: (constants: ProductConstants & C) =>
      functions + productText(constants, summands(constants), put?.(constants) ?? PUT_PLAIN),
  });
  return (
    backend: WebgpuBackend,
    {inputs, plan, shape, uniforms, constants}: ProductRun<I, U, C>,
  ): tf.TensorInfo => {
    const {rows, columns, parts, items} = plan.uniforms;
    const [written] = program(backend, {
      inputs,
      outputs: {result: {shape: [parts, ...shape]}},
      uniforms: {...plan.uniforms, ...uniforms},
      constants: {...plan.constants, ...constants},
      workgroups: items,
    });
    return sumOfParts(backend, written, parts, rows * columns, shape);
  };
}

/** `parts [b, p, n]`, added in order of `p`, to `[b, n]`. */
const addParts = defineProgram({
  name: 'AddParts',
  inputs: ['parts'],
  outputs: ['result'],
  uniforms: {total: 'i32', size: 'i32', count: 'i32'},
  workgroupSize: 64,
  code: () => `
  fn main(index : i32) {
    if (index >= uniforms.total) { return; }
    let at = index / uniforms.size * uniforms.size * uniforms.count + index % uniforms.size;
    var sum = parts[at];
    for (var i = 1; i < uniforms.count; i = i + 1) { sum = sum + parts[at + i * uniforms.size]; }
    result[index] = sum;
  }
`,
});

/** Adds up what `PUT_PLAIN` wrote for `parts` parts, and frees it. Gives `shape`, whose matrices are `size` long. */
function sumOfParts(
  backend: WebgpuBackend,
  written: tf.TensorInfo,
  parts: number,
  size: number,
  shape: number[],
): tf.TensorInfo {
  if (parts === 1) return {dataId: written.dataId, shape, dtype: written.dtype};
  const total = tf.util.sizeFromShape(shape);
  const [sum] = addParts(backend, {
    inputs: {parts: written},
    outputs: {result: {shape}},
    uniforms: {total, size, count: parts},
    constants: {},
    invocations: total,
  });
  backend.disposeData(written.dataId);
  return sum;
}
