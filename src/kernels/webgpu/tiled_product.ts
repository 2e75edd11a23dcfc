/**
 * WGSL of matrix products whose operands are read and whose results are written by expressions, so that a gather, a
 * concatenation, a transposition or a polynomial is part of the product instead of a pass over memory of its own.
 *
 * A workgroup of 64 invocations, an 8×8 grid (`ty`, `tx`), computes a tile of 32×32 or 64×64 results, of which an invocation
 * holds 4×4 or 8×8. Operands lie in workgroup memory as `vec4`s of rows (columns) 8 apart, with one `vec4` of padding a row,
 * so that neighbours write to different banks. See `product.ts` for what runs it.
 */
/** Invocations of a workgroup. */
export const PRODUCT_INVOCATIONS = 64;

/** Inner dimension of the tiles in workgroup memory: 2·32·9 or 2·16·17 `vec4`s, 9,216 or 8,704 bytes of 16,384. */
export const DEPTH = {1: 32, 2: 16} as const;

/** Baked into a product's program. */
export type ProductConstants = {
  /** Tiles are `32·blocks` wide and high. */
  blocks: 1 | 2;
};

/** One matrix product; several are added up. */
export interface Summand {
  /** WGSL of the left operand in `batch`, `row` and `k`, evaluated only inside of it. */
  left: string;
  /** WGSL of the right operand in `batch`, `column` and `k`. */
  right: string;
  /** Whether entries of the left operand in neighbouring rows are neighbours in memory, rather than those of neighbouring `k`. */
  leftByRow: boolean;
  /** The same for the columns of the right operand. */
  rightByColumn: boolean;
  /** WGSL of the size of the inner dimension. That of the first summand may be cut into parts. */
  inner: string;
}

function repeat(count: number, text: (i: number) => string): string {
  return Array.from({length: count}, (_, i) => text(i)).join('\n');
}

/**
 * Text of a program: `put` is WGSL that stores `value`, the sum at `batch`, `row`, `column`. With parts, `batch` counts
 * `batch · parts + part`, and `part` says which.
 */
export function productText(
  {blocks}: ProductConstants,
  summands: readonly Summand[],
  put: string,
): string {
  const depth = DEPTH[blocks];
  const groups = 8 * blocks;
  const pitch = groups + 1;
  const reader = (side: 'left' | 'right', summand: Summand, i: number) => {
    const outer = side === 'left' ? 'row' : 'column';
    return `
  fn ${side}${i}(batch : i32, ${outer} : i32, k : i32) -> f32 { return ${summand[side]}; }
  fn ${side}Four${i}(batch : i32, first : i32, k : i32, end : i32) -> vec4<f32> {
    var t = vec4<f32>(0.0);
    if (k < end) {
      ${repeat(4, (r) => `if (first + ${8 * r} < uniforms.${outer}s) { t[${r}] = ${side}${i}(batch, first + ${8 * r}, k); }`)}
    }
    return t;
  }`;
  };
  const load = (side: 'left' | 'right', i: number, byOuter: boolean, start: string) => `
      for (var i = local; i < ${groups * depth}; i = i + ${PRODUCT_INVOCATIONS}) {
        let g = ${byOuter ? `i % ${groups}` : `i / ${depth}`};
        let c = ${byOuter ? `i / ${groups}` : `i % ${depth}`};
        ${side}Tile[c * ${pitch} + g] = ${side}Four${i}(batch, ${start} + g / 8 * 32 + g % 8, k + c, end);
      }`;
  const multiply = repeat(
    blocks,
    (m) => `let x${m} = leftTile[c * ${pitch} + ${8 * m} + ty];
        let y${m} = rightTile[c * ${pitch} + ${8 * m} + tx];`,
  );
  const each = (text: (m: number, n: number, r: number) => string) =>
    repeat(blocks, (m) => repeat(blocks, (n) => repeat(4, (r) => text(m, n, r))));
  const add = ({inner, leftByRow, rightByColumn}: Summand, i: number) => `
    {
      // Only the first summand is cut into parts; the others belong to the first part.
      let begin = ${i === 0 ? 'part * uniforms.partLength' : '0'};
      let end = ${i === 0 ? `min(${inner}, begin + uniforms.partLength)` : `select(0, ${inner}, part == 0)`};
      for (var k = begin; k < end; k = k + ${depth}) {
        workgroupBarrier();
        ${load('left', i, leftByRow, 'firstRow')}
        ${load('right', i, rightByColumn, 'firstColumn')}
        workgroupBarrier();
        for (var c = 0; c < ${depth}; c = c + 1) {
          ${multiply}
          ${each((m, n, r) => `s${m}${n}${r} = fma(vec4<f32>(x${m}[${r}]), y${n}, s${m}${n}${r});`)}
        }
      }
    }`;
  const store = (m: number, n: number, r: number) =>
    `putFour(batch, part, firstRow + ty + ${32 * m + 8 * r}, firstColumn + tx + ${32 * n}, s${m}${n}${r});`;
  return `
  var<workgroup> leftTile : array<vec4<f32>, ${depth * pitch}>;
  var<workgroup> rightTile : array<vec4<f32>, ${depth * pitch}>;
  var<workgroup> itemOfGroup : i32;
  ${summands.map((summand, i) => reader('left', summand, i) + reader('right', summand, i)).join('')}

  fn put(batch : i32, part : i32, row : i32, column : i32, value : f32) { ${put} }
  fn putFour(batch : i32, part : i32, row : i32, column : i32, values : vec4<f32>) {
    if (row >= uniforms.rows) { return; }
    ${repeat(4, (c) => `if (column + ${8 * c} < uniforms.columns) { put(batch, part, row, column + ${8 * c}, values[${c}]); }`)}
  }

  fn main(index : i32) {
    if (localIndex == 0u) { itemOfGroup = groupIndex(); }
    let item = workgroupUniformLoad(&itemOfGroup);
    if (item >= uniforms.items) { return; }
    let firstColumn = item % uniforms.tilesAcross * ${32 * blocks};
    let firstRow = item / uniforms.tilesAcross % uniforms.tilesDown * ${32 * blocks};
    let slice = item / uniforms.tilesAcross / uniforms.tilesDown;
    let part = slice % uniforms.parts;
    let batch = slice / uniforms.parts;
    let local = i32(localIndex);
    let ty = local / 8;
    let tx = local % 8;
    ${each((m, n, r) => `var s${m}${n}${r} = vec4<f32>(0.0);`)}
    ${summands.map(add).join('')}
    ${each(store)}
  }
`;
}
