/**
 * WGSL that the attention programs share.
 *
 * A workgroup of 64 invocations, an 8×8 grid (`ty`, `tx`), works on tiles of 32 rows by 32 columns, of which an invocation
 * holds 4×4: rows `ty + 8·(0…3)`, columns `tx + 8·(0…3)`, a `vec4` for each row. Operands of a product lie in workgroup
 * memory as `vec4`s of four rows each, so that one step of the inner loop is two reads for sixteen multiplications. Rows
 * of such a tile are 9 `vec4`s apart and not 8, so that neighbours write to different banks.
 */

/** Rows and columns of a tile. */
export const TILE = 32;

/** Invocations of a workgroup. */
export const INVOCATIONS = 64;

/** `vec4`s of a tile in workgroup memory, padding included. Three of them and the row take 14,852 bytes of 16,384. */
const SLOTS = TILE * 9;

/** What is baked into a program, so that heads of similar widths share a compiled one; the width itself is a uniform. */
export type TileConstants = {
  /** Columns of outputs in the registers of a workgroup, a multiple of `TILE`. */
  columns: number;
  /** Columns of rows to be multiplied that are in workgroup memory at once. */
  depth: number;
};

/** @param most Columns that a workgroup has registers for. */
function tileConstants(width: number, most: number): TileConstants {
  const columns = Math.min(most, Math.ceil(width / TILE) * TILE);
  return {columns, depth: width <= TILE / 2 ? TILE / 2 : TILE};
}

/** `i` from 0 to `count − 1` into text: dynamic indices would put arrays of registers into memory. */
export function unroll(count: number, text: (i: number) => string): string {
  return Array.from({length: count}, (_, i) => text(i)).join('\n');
}

/** Sizes of a call, for all programs. */
export const SIZES = {
  items: 'i32',
  queries: 'i32',
  keys: 'i32',
  width: 'i32',
  perGroup: 'i32',
  tiles: 'i32',
  splits: 'i32',
  scale: 'f32',
} as const;

/**
 * How outputs `[matrices, rows, width]` are shared out: a workgroup has a tile of `TILE` rows and up to `most` columns, for which it
 * has registers. Wider heads take several, which compute the same scores.
 */
export function tilePlan(matrices: number, rows: number, width: number, most: number) {
  const tiles = Math.ceil(rows / TILE);
  const splits = Math.ceil(width / most);
  return {
    constants: tileConstants(width, most),
    uniforms: {items: matrices * tiles * splits, tiles, splits},
  };
}

/** Declarations, and `startItem()`, the number of the workgroup as a value that WGSL knows to be uniform. */
export const TILES = `
  var<workgroup> left : array<vec4<f32>, ${SLOTS}>;
  var<workgroup> right : array<vec4<f32>, ${SLOTS}>;
  var<workgroup> middle : array<vec4<f32>, ${SLOTS}>;
  var<workgroup> row : array<vec4<f32>, ${INVOCATIONS}>;
  var<workgroup> itemOfGroup : i32;

  fn startItem() -> i32 {
    if (localIndex == 0u) { itemOfGroup = groupIndex(); }
    return workgroupUniformLoad(&itemOfGroup);
  }
`;

/** Begins a program for 32 queries of a head: which they are, and the end of the keys that they see. */
export function startQueries(columns: number): string {
  return `
    let item = startItem();
    if (item >= uniforms.items) { return; }
    let firstColumn = (item % uniforms.splits) * ${columns};
    // The last queries see the most keys: their workgroups start first.
    let query = (uniforms.tiles - 1 - item / uniforms.splits % uniforms.tiles) * ${TILE};
    let head = item / uniforms.splits / uniforms.tiles;
    let qBase = head * uniforms.queries * uniforms.width;
    let kBase = head / uniforms.perGroup * uniforms.keys * uniforms.width;
    let lastSeen = uniforms.keys - uniforms.queries + query;
    let end = min(uniforms.keys, lastSeen + ${TILE});
    ${PLACES}
`;
}

/**
 * `fn <tensor>Rows(base, first, count, column) -> vec4`: entries of a column in rows `first + 8·(0…3)` of a matrix at
 * `base`, and 0 outside of its `count` rows and its width.
 */
export function rowsReader(tensor: string): string {
  const entry = (r: number) =>
    `if (first + ${8 * r} < count) { t[${r}] = ${tensor}[at + ${8 * r} * uniforms.width]; }`;
  return `
  fn ${tensor}Rows(base : i32, first : i32, count : i32, column : i32) -> vec4<f32> {
    var t = vec4<f32>(0.0);
    if (column < uniforms.width) {
      let at = base + first * uniforms.width + column;
      ${unroll(4, entry)}
    }
    return t;
  }
`;
}

/**
 * `fn <tensor>Columns(base, row, count, column) -> vec4`: entries of a row in columns `column + 8·(0…3)`, and 0 outside of
 * the matrix.
 */
export function columnsReader(tensor: string): string {
  const entry = (c: number) =>
    `if (column + ${8 * c} < uniforms.width) { t[${c}] = ${tensor}[at + ${8 * c}]; }`;
  return `
  fn ${tensor}Columns(base : i32, row : i32, count : i32, column : i32) -> vec4<f32> {
    var t = vec4<f32>(0.0);
    if (row < count) {
      let at = base + row * uniforms.width + column;
      ${unroll(4, entry)}
    }
    return t;
  }
`;
}

/** One side of a product of rows: the tensor, where its matrix begins, its first row and the end of its rows. */
export interface Side {
  tensor: string;
  base: string;
  first: string;
  count: string;
}

/** The queries and the keys of a program's tile. */
export const QUERIES: Side = {
  tensor: 'q',
  base: 'qBase',
  first: 'query',
  count: 'uniforms.queries',
};
export const KEYS: Side = {tensor: 'k', base: 'kBase', first: 'key', count: 'uniforms.keys'};

/**
 * Adds to `<sums>0 … 3` the products of the rows of `a` (this invocation's rows) with those of `b` (its columns) over
 * their whole width: a tile of `a bᵀ`.
 */
export function addRowProducts(sums: string, a: Side, b: Side, depth: number): string {
  const load = (to: string, {tensor, base, first, count}: Side) =>
    `${to}[c * 9 + g] = ${tensor}Rows(${base}, ${first} + g, ${count}, start + c);`;
  return `
    for (var start = 0; start < uniforms.width; start = start + ${depth}) {
      workgroupBarrier();
      for (var i = local; i < ${8 * depth}; i = i + ${INVOCATIONS}) {
        let c = i % ${depth};
        let g = i / ${depth};
        ${load('left', a)}
        ${load('right', b)}
      }
      workgroupBarrier();
      for (var c = 0; c < ${depth}; c = c + 1) {
        let x = left[c * 9 + ty];
        let y = right[c * 9 + tx];
        ${unroll(4, (r) => `${sums}${r} = fma(vec4<f32>(x[${r}]), y, ${sums}${r});`)}
      }
    }
`;
}

/** Puts `<values>0 … 3` into `middle`, from where `addColumnProducts` takes it: this invocation's columns become rows. */
export function putMiddle(values: string): string {
  const column = (c: number) =>
    `middle[(tx + ${8 * c}) * 9 + ty] = vec4<f32>(${[0, 1, 2, 3]
      .map((r) => `${values}${r}[${c}]`)
      .join(', ')});`;
  return unroll(4, column);
}

/**
 * Adds to `<sums><chunk>_0 … 3` the product of the tile in `middle` with columns `from …` of the rows of `b`. Begins with a
 * barrier, so that `middle` may be written right before.
 */
export function addColumnProducts(sums: string, b: Side, from: string, columns: number): string {
  const {tensor, base, first, count} = b;
  return unroll(
    columns / TILE,
    (chunk) => `
    workgroupBarrier();
    for (var i = local; i < ${8 * TILE}; i = i + ${INVOCATIONS}) {
      let g = i % 8;
      let s = i / 8;
      right[s * 9 + g] = ${tensor}Columns(${base}, ${first} + s, ${count}, ${from} + ${TILE * chunk} + g);
    }
    workgroupBarrier();
    for (var s = 0; s < ${TILE}; s = s + 1) {
      let x = middle[s * 9 + ty];
      let y = right[s * 9 + tx];
      ${unroll(4, (r) => `${sums}${chunk}_${r} = fma(vec4<f32>(x[${r}]), y, ${sums}${chunk}_${r});`)}
    }
`,
  );
}

/** `var <sums><chunk>_<r> = 0` for `addColumnProducts`. */
export function declareSums(sums: string, columns: number): string {
  return unroll(columns / TILE, (chunk) =>
    unroll(4, (r) => `var ${sums}${chunk}_${r} = vec4<f32>(0.0);`),
  );
}

/** Writes the sums, times `factor(r)`, to rows `first + ty + 8 r < count`, columns `from …`, of a matrix at `base`. */
export function writeSums(
  to: string,
  sums: string,
  {base, first, count}: Omit<Side, 'tensor'>,
  from: string,
  columns: number,
  factor: (r: number) => string,
): string {
  const one = (chunk: number, c: number) => `
        if (${from} + tx + ${TILE * chunk + 8 * c} < uniforms.width) {
          ${to}[at + ${TILE * chunk + 8 * c}] = t[${c}];
        }`;
  return unroll(
    4,
    (r) => `
    if (${first} + ty + ${8 * r} < ${count}) {
      let at = ${base} + (${first} + ty + ${8 * r}) * uniforms.width + ${from} + tx;
      ${unroll(
        columns / TILE,
        (chunk) => `{
        let t = ${sums}${chunk}_${r} * (${factor(r)});
        ${unroll(4, (c) => one(chunk, c))}
      }`,
      )}
    }`,
  );
}

/** The places of this invocation. */
export const PLACES = `
    let local = i32(localIndex);
    let ty = local / 8;
    let tx = local % 8;
`;
