/**
 * `CausalAttentionGrad` on `webgpu`, without a T×T matrix and without atomics: one program for `dq`, a workgroup for 32
 * queries; one for `dk` and `dv`, a workgroup for 32 keys, which adds up the heads of a group and their queries in order.
 * Both compute the scores anew.
 *
 * With `p = exp(scale · q kᵀ − lse)` and `D = Σ dout · out` per query: `dv = pᵀ dout`, `ds = p (dout vᵀ − D)`,
 * `dq = scale · ds k`, `dk = scale · dsᵀ q`. A key seen alone has weight 1 whatever its score: there `ds`, a difference of
 * equals, is taken times 0.
 */
import type {CausalAttentionAttrs, CausalAttentionGradInputs} from '../kernel_names.js';
import {
  addColumnProducts,
  addRowProducts,
  columnsReader,
  declareSums,
  INVOCATIONS,
  KEYS,
  PLACES,
  putMiddle,
  QUERIES,
  rowsReader,
  SIZES,
  startQueries,
  TILE,
  tilePlan,
  TILES,
  type TileConstants,
  unroll,
  writeSums,
} from './causal_attention_tiles.js';
import {defineProgram, webgpuKernel} from './program.js';

/** Columns in the registers of a workgroup: of one matrix, and of two at once. */
const DQ_COLUMNS = 128;
const DKV_COLUMNS = 64;

/** `dq`, and `D` for the other program. */
const queryProgram = defineProgram({
  name: 'CausalAttentionGradQuery',
  inputs: ['q', 'k', 'v', 'fwd', 'lse', 'dout'],
  outputs: ['result', 'along'],
  uniforms: SIZES,
  workgroupSize: INVOCATIONS,
  code: ({columns, depth}: TileConstants) => {
    return `
  ${TILES}
  ${['q', 'k', 'v', 'dout'].map((tensor) => rowsReader(tensor)).join('')}
  ${columnsReader('k')}

  fn main(index : i32) {
    ${startQueries(DQ_COLUMNS)}

    // D and lse of rows ty + 8·(0…3); eight invocations share the columns of a row.
    var shift = vec4<f32>(0.0);
    var dots = vec4<f32>(0.0);
    ${unroll(
      4,
      (r) => `if (query + ty + ${8 * r} < uniforms.queries) {
      shift[${r}] = lse[head * uniforms.queries + query + ty + ${8 * r}];
      let at = qBase + (query + ty + ${8 * r}) * uniforms.width;
      for (var c = tx; c < uniforms.width; c = c + 8) { dots[${r}] = fma(fwd[at + c], dout[at + c], dots[${r}]); }
    }`,
    )}
    row[local] = dots;
    workgroupBarrier();
    dots = vec4<f32>(0.0);
    for (var i = 0; i < 8; i = i + 1) { dots = dots + row[ty * 8 + i]; }
    if (firstColumn == 0 && tx == 0) {
      ${unroll(
        4,
        (r) => `if (query + ty + ${8 * r} < uniforms.queries) {
        along[head * uniforms.queries + query + ty + ${8 * r}] = dots[${r}];
      }`,
      )}
    }

    ${declareSums('sum', columns)}
    for (var key = 0; key < end; key = key + ${TILE}) {
      ${unroll(4, (r) => `var s${r} = vec4<f32>(0.0); var d${r} = vec4<f32>(0.0);`)}
      ${addRowProducts('s', QUERIES, KEYS, depth)}
      ${addRowProducts('d', {...QUERIES, tensor: 'dout'}, {...KEYS, tensor: 'v'}, depth)}
      let place = vec4<i32>(key + tx) + vec4<i32>(0, 8, 16, 24);
      let seen = vec4<i32>(lastSeen + ty) + vec4<i32>(0, 8, 16, 24);
      let factor = vec4<f32>(seen > vec4<i32>(0));
      ${unroll(
        4,
        (r) => `{
        let p = exp(s${r} * uniforms.scale - vec4<f32>(shift[${r}]));
        d${r} = select(vec4<f32>(0.0), p * (d${r} - vec4<f32>(dots[${r}])) * factor[${r}], place <= vec4<i32>(seen[${r}]));
      }`,
      )}
      ${putMiddle('d')}
      ${addColumnProducts('sum', KEYS, 'firstColumn', columns)}
    }
    ${writeSums('result', 'sum', QUERIES, 'firstColumn', columns, () => 'uniforms.scale')}
  }
`;
  },
});

/** `dk` and `dv`. Tiles have keys for rows and queries for columns. */
const keyProgram = defineProgram({
  name: 'CausalAttentionGradKey',
  inputs: ['q', 'k', 'v', 'lse', 'dout', 'along'],
  outputs: ['result', 'dv'],
  uniforms: SIZES,
  workgroupSize: INVOCATIONS,
  code: ({columns, depth}: TileConstants) => {
    return `
  ${TILES}
  ${['q', 'k', 'v', 'dout'].map((tensor) => rowsReader(tensor)).join('')}
  ${columnsReader('q')}
  ${columnsReader('dout')}

  fn main(index : i32) {
    let item = startItem();
    if (item >= uniforms.items) { return; }
    let firstColumn = (item % uniforms.splits) * ${DKV_COLUMNS};
    // The first keys are seen by the most queries: their workgroups start first.
    let pairs = uniforms.items / uniforms.splits / uniforms.tiles;
    let pair = item / uniforms.splits % pairs;
    let key = item / uniforms.splits / pairs * ${TILE};
    let kBase = pair * uniforms.keys * uniforms.width;
    let offset = uniforms.keys - uniforms.queries;
    let firstQuery = max(0, key - offset) / ${TILE} * ${TILE};
    ${PLACES}
    ${declareSums('dk', columns)}
    ${declareSums('dv', columns)}

    for (var h = 0; h < uniforms.perGroup; h = h + 1) {
      let rowBase = (pair * uniforms.perGroup + h) * uniforms.queries;
      let qBase = rowBase * uniforms.width;
      for (var query = firstQuery; query < uniforms.queries; query = query + ${TILE}) {
        ${unroll(4, (r) => `var s${r} = vec4<f32>(0.0); var d${r} = vec4<f32>(0.0);`)}
        ${addRowProducts('s', KEYS, QUERIES, depth)}
        ${addRowProducts('d', {...KEYS, tensor: 'v'}, {...QUERIES, tensor: 'dout'}, depth)}
        let place = vec4<i32>(query + tx) + vec4<i32>(0, 8, 16, 24);
        var shift = vec4<f32>(0.0);
        var dots = vec4<f32>(0.0);
        ${unroll(
          4,
          (c) => `if (place[${c}] < uniforms.queries) {
          shift[${c}] = lse[rowBase + place[${c}]];
          dots[${c}] = along[rowBase + place[${c}]];
        }`,
        )}
        let real = place < vec4<i32>(uniforms.queries);
        let factor = vec4<f32>(place + vec4<i32>(offset) > vec4<i32>(0));
        ${unroll(
          4,
          (r) => `{
          let seen = real & (vec4<i32>(key + ty + ${8 * r} - offset) <= place);
          s${r} = select(vec4<f32>(0.0), exp(s${r} * uniforms.scale - shift), seen);
          d${r} = select(vec4<f32>(0.0), s${r} * (d${r} - dots) * factor, seen);
        }`,
        )}
        ${putMiddle('s')}
        ${addColumnProducts('dv', {...QUERIES, tensor: 'dout'}, 'firstColumn', columns)}
        workgroupBarrier();
        ${putMiddle('d')}
        ${addColumnProducts('dk', QUERIES, 'firstColumn', columns)}
      }
    }
    ${writeSums('result', 'dk', KEYS, 'firstColumn', columns, () => 'uniforms.scale')}
    ${writeSums('dv', 'dv', KEYS, 'firstColumn', columns, () => '1.0')}
  }
`;
  },
});

export const causalAttentionGrad = webgpuKernel<CausalAttentionGradInputs, CausalAttentionAttrs>(
  (backend, {q, k, v, out, lse, dout}, {scale}) => {
    const [batch, heads, queries, width] = q.shape;
    const [, groups, keys] = k.shape;
    const sizes = {queries, keys, width, perGroup: heads / groups, scale};

    const queryPlan = tilePlan(batch * heads, queries, width, DQ_COLUMNS);
    const [dq, along] = queryProgram(backend, {
      inputs: {q, k, v, fwd: out, lse, dout},
      outputs: {result: {shape: q.shape}, along: {shape: lse.shape}},
      uniforms: {...sizes, ...queryPlan.uniforms},
      constants: queryPlan.constants,
      workgroups: queryPlan.uniforms.items,
    });

    const keyPlan = tilePlan(batch * groups, keys, width, DKV_COLUMNS);
    const [dk, dv] = keyProgram(backend, {
      inputs: {q, k, v, lse, dout, along},
      outputs: {result: {shape: k.shape}, dv: {shape: v.shape}},
      uniforms: {...sizes, ...keyPlan.uniforms},
      constants: keyPlan.constants,
      workgroups: keyPlan.uniforms.items,
    });
    backend.disposeData(along.dataId);
    return [dq, dk, dv];
  },
);
