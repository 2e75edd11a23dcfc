/** `CausalAttention` on `webgpu`: FlashAttention (arXiv 2205.14135), no T×T matrix in memory. */
import type {CausalAttentionAttrs, CausalAttentionInputs} from '../kernel_names.js';
import {
  addColumnProducts,
  addRowProducts,
  columnsReader,
  declareSums,
  INVOCATIONS,
  KEYS,
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

/** Columns of `out` in the registers of a workgroup. */
const COLUMNS = 128;

/** Where scores of keys that a query does not see start: finite, as `−∞ − (−∞)` would be NaN. */
const HIDDEN = '-1e30';

/**
 * A workgroup takes 32 queries of a head past the keys that they see, 32 at a time, and keeps the largest score, the sum of
 * weights and the weighted sum of values of each. Invocations hold their own parts of the sums of weights until the end.
 */
const program = defineProgram({
  name: 'CausalAttention',
  inputs: ['q', 'k', 'v'],
  outputs: ['result', 'lse'],
  uniforms: SIZES,
  workgroupSize: INVOCATIONS,
  code: ({columns, depth}: TileConstants) => {
    return `
  ${TILES}
  ${rowsReader('q')}
  ${rowsReader('k')}
  ${columnsReader('v')}

  fn largestOf(v : vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

  fn main(index : i32) {
    ${startQueries(COLUMNS)}
    var largest = vec4<f32>(${HIDDEN});
    var total = vec4<f32>(0.0);
    ${declareSums('sum', columns)}

    for (var key = 0; key < end; key = key + ${TILE}) {
      ${unroll(4, (r) => `var s${r} = vec4<f32>(0.0);`)}
      ${addRowProducts('s', QUERIES, KEYS, depth)}
      let place = vec4<i32>(key + tx) + vec4<i32>(0, 8, 16, 24);
      let seen = lastSeen + ty;
      ${unroll(
        4,
        (r) =>
          `s${r} = select(vec4<f32>(${HIDDEN}), s${r} * uniforms.scale, place <= vec4<i32>(seen + ${8 * r}));`,
      )}
      row[local] = vec4<f32>(largestOf(s0), largestOf(s1), largestOf(s2), largestOf(s3));
      workgroupBarrier();
      var now = largest;
      for (var i = 0; i < 8; i = i + 1) { now = max(now, row[ty * 8 + i]); }
      ${unroll(4, (r) => `s${r} = exp(s${r} - vec4<f32>(now[${r}]));`)}
      let shrink = exp(largest - now);
      largest = now;
      let ones = vec4<f32>(1.0);
      total = fma(total, shrink, vec4<f32>(dot(s0, ones), dot(s1, ones), dot(s2, ones), dot(s3, ones)));
      ${unroll(columns / TILE, (chunk) =>
        unroll(4, (r) => `sum${chunk}_${r} = sum${chunk}_${r} * shrink[${r}];`),
      )}
      ${putMiddle('s')}
      ${addColumnProducts('sum', {...KEYS, tensor: 'v'}, 'firstColumn', columns)}
    }

    row[local] = total;
    workgroupBarrier();
    total = vec4<f32>(0.0);
    for (var i = 0; i < 8; i = i + 1) { total = total + row[ty * 8 + i]; }
    ${writeSums('result', 'sum', QUERIES, 'firstColumn', columns, (r) => `1.0 / total[${r}]`)}
    if (firstColumn == 0 && tx == 0) {
      let logs = largest + log(total);
      ${unroll(
        4,
        (r) => `if (query + ty + ${8 * r} < uniforms.queries) {
        lse[head * uniforms.queries + query + ty + ${8 * r}] = logs[${r}];
      }`,
      )}
    }
  }
`;
  },
});

export const causalAttention = webgpuKernel<CausalAttentionInputs, CausalAttentionAttrs>(
  (backend, {q, k, v}, {scale}) => {
    const [batch, heads, queries, width] = q.shape;
    const [, groups, keys] = k.shape;
    const plan = tilePlan(batch * heads, queries, width, COLUMNS);
    return program(backend, {
      inputs: {q, k, v},
      outputs: {result: {shape: q.shape}, lse: {shape: [batch, heads, queries]}},
      uniforms: {...plan.uniforms, queries, keys, width, perGroup: heads / groups, scale},
      constants: plan.constants,
      workgroups: plan.uniforms.items,
    });
  },
);
