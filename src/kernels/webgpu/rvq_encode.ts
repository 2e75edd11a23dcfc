/**
 * `RvqEncode` on `webgpu`: all rounds in one program. A workgroup of 64 invocations takes 32 rows of one group past the codes
 * of each round, 32 at a time; only the smallest distance so far is kept. An invocation holds 4×4 distances: rows
 * `ty + 8·(0…3)`, codes `tx + 8·(0…3)`.
 *
 * What is not finite is noticed while it is loaded, by its bits (a compiler may take comparisons for free of NaN), and its
 * indices become −1: values on the device have not been checked by the op.
 */
import type {RvqEncodeInputs} from '../kernel_names.js';
import {webgpuFeatures} from './features.js';
import {defineProgram, webgpuKernel} from './program.js';

const INVOCATIONS = 64;

/** Rows and codes of a tile. */
const TILE = 32;

/** Flags of a tile: one a row, one for the codes. */
const FLAGS = TILE + 1;

/** Bytes of one coordinate of a tile: eight `vec4`s, and one of padding against conflicts of banks. */
const COORDINATE_BYTES = 9 * 16;

/** The largest width of a group whose residuals lie in workgroup memory for a whole round. */
const RESIDENT_WIDTH = 64;

type RvqConstants = {
  rounds: number;
  /** Coordinates of codes that are in workgroup memory at once. */
  depth: number;
  /** Coordinates of residuals that are. */
  residuals: number;
  /** Whether those are all, loaded once a round. */
  resident: boolean;
};

/** `4` texts, one for each row or code of an invocation. */
const four = (text: (i: number) => string) => [0, 1, 2, 3].map(text).join('\n');

const program = defineProgram({
  name: 'RvqEncode',
  inputs: ['z', 'codebooks'],
  outputs: ['result'],
  uniforms: {
    items: 'i32',
    rows: 'i32',
    groups: 'i32',
    codes: 'i32',
    width: 'i32',
    zero: 'u32',
  },
  workgroupSize: INVOCATIONS,
  code: ({rounds, depth, residuals, resident}: RvqConstants) => {
    const loadResiduals = (start: string, count: number) => `
          for (var i = local; i < ${8 * count}; i = i + ${INVOCATIONS}) {
            let c = i % ${count};
            let g = i / ${count};
            var t = vec4<f32>(0.0);
            ${four((r) => `t[${r}] = residualAt(firstRow, g + ${8 * r}, group, ${start} + c, round);`)}
            points[c * 9 + g] = t;
          }`;
    return `
  var<workgroup> points : array<vec4<f32>, ${residuals * 9}>;
  // Codes, and between the rounds the best distances and indices of all invocations.
  var<workgroup> tile : array<vec4<f32>, ${Math.max(depth * 9, 2 * INVOCATIONS)}>;
  var<workgroup> chosen : array<i32, ${rounds * TILE}>;
  // Which rows have values that are not finite, and behind them whether the codes of the round do.
  var<workgroup> unsound : array<atomic<u32>, ${FLAGS}>;
  var<workgroup> itemOfGroup : i32;

  fn finite(value : f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }

  fn codeAt(at : i32) -> f32 {
    let value = codebooks[at];
    if (!finite(value)) { atomicStore(&unsound[${TILE}], 1u); }
    return value;
  }

  /** What the rounds before left of a coordinate: subtracted in their order, as the composed reference does. */
  fn residualAt(firstRow : i32, r : i32, group : i32, column : i32, round : i32) -> f32 {
    if (firstRow + r >= uniforms.rows || column >= uniforms.width) { return 0.0; }
    var value = z[((firstRow + r) * uniforms.groups + group) * uniforms.width + column];
    if (!finite(value)) { atomicStore(&unsound[r], 1u); }
    for (var i = 0; i < round; i = i + 1) {
      let code = (i * uniforms.groups + group) * uniforms.codes + chosen[i * ${TILE} + r];
      value = value - codebooks[code * uniforms.width + column];
    }
    return value;
  }

  /**
   * A square that no compiler may merge with the addition that follows: that would skip its rounding, and break ties that the
   * reference sees. The uniform is zero.
   */
  fn rounded(v : vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(v * v) | vec4<u32>(uniforms.zero));
  }

  fn main(index : i32) {
    if (localIndex == 0u) { itemOfGroup = groupIndex(); }
    let item = workgroupUniformLoad(&itemOfGroup);
    if (item >= uniforms.items) { return; }
    let group = item % uniforms.groups;
    let firstRow = item / uniforms.groups * ${TILE};
    let local = i32(localIndex);
    let ty = local / 8;
    let tx = local % 8;
    let infinity = 3.4028234e38;

    if (local < ${TILE}) { atomicStore(&unsound[local], 0u); }
    for (var round = 0; round < ${rounds}; round = round + 1) {
      let book = (round * uniforms.groups + group) * uniforms.codes;
      workgroupBarrier();
      // Codes are loaded after another barrier.
      if (local == 0) { atomicStore(&unsound[${TILE}], 0u); }
      ${resident ? loadResiduals('0', residuals) : ''}
      var best = vec4<f32>(infinity);
      var bestCode = vec4<i32>(0);
      for (var code = 0; code < uniforms.codes; code = code + ${TILE}) {
        ${four((r) => `var d${r} = vec4<f32>(0.0);`)}
        for (var start = 0; start < uniforms.width; start = start + ${depth}) {
          workgroupBarrier();
          ${resident ? '' : loadResiduals('start', depth)}
          for (var i = local; i < ${8 * depth}; i = i + ${INVOCATIONS}) {
            let c = i % ${depth};
            let g = i / ${depth};
            var t = vec4<f32>(0.0);
            if (start + c < uniforms.width) {
              let at = (book + code + g) * uniforms.width + start + c;
              ${four((k) => `if (code + g + ${8 * k} < uniforms.codes) { t[${k}] = codeAt(at + ${8 * k} * uniforms.width); }`)}
            }
            tile[c * 9 + g] = t;
          }
          workgroupBarrier();
          // Coordinate after coordinate, the order in which the reference adds.
          for (var c = 0; c < ${depth}; c = c + 1) {
            let x = points[(c${resident ? ' + start' : ''}) * 9 + ty];
            let y = tile[c * 9 + tx];
            ${four((r) => `d${r} = d${r} + rounded(vec4<f32>(x[${r}]) - y);`)}
          }
        }
        ${four(
          (k) => `{
          let own = code + tx + ${8 * k};
          let distances = vec4<f32>(d0[${k}], d1[${k}], d2[${k}], d3[${k}]);
          // Strictly nearer: of equal ones the lowest stays.
          let nearer = (distances < best) & vec4<bool>(own < uniforms.codes);
          best = select(best, distances, nearer);
          bestCode = select(bestCode, vec4<i32>(own), nearer);
        }`,
        )}
      }

      workgroupBarrier();
      tile[local] = best;
      tile[${INVOCATIONS} + local] = vec4<f32>(bestCode);
      workgroupBarrier();
      if (tx == 0) {
        for (var i = 1; i < 8; i = i + 1) {
          let distances = tile[local + i];
          let codes = vec4<i32>(tile[${INVOCATIONS} + local + i]);
          let wins = (distances < best) | ((distances == best) & (codes < bestCode));
          best = select(best, distances, wins);
          bestCode = select(bestCode, codes, wins);
        }
        ${four(
          (r) => `{
          let row = ty + ${8 * r};
          chosen[round * ${TILE} + row] = bestCode[${r}];
          if (firstRow + row < uniforms.rows) {
            let bad = (atomicLoad(&unsound[row]) | atomicLoad(&unsound[${TILE}])) != 0u;
            result[(round * uniforms.rows + firstRow + row) * uniforms.groups + group] = select(bestCode[${r}], -1, bad);
          }
        }`,
        )}
      }
    }
  }
`;
  },
});

export const rvqEncode = webgpuKernel<RvqEncodeInputs>((backend, {z, codebooks}) => {
  const [rows] = z.shape;
  const [rounds, groups, codes, width] = codebooks.shape;
  const depth = [8, 16].find((d) => width <= d) ?? TILE;
  const bytes = (residuals: number) =>
    (residuals + Math.max(depth, 15)) * COORDINATE_BYTES + (rounds * TILE + FLAGS + 1) * 4;
  const limit = webgpuFeatures(backend).maxComputeWorkgroupStorageSize;
  const whole = Math.ceil(width / depth) * depth;
  const resident = whole <= RESIDENT_WIDTH && bytes(whole) <= limit;
  const residuals = resident ? whole : depth;
  if (bytes(residuals) > limit) {
    throw new Error(
      `webgpu: RvqEncode of 'codebooks' [${codebooks.shape}] needs ${bytes(residuals)} bytes of workgroup memory; ` +
        `the device has ${limit} (limit maxComputeWorkgroupStorageSize). Use fewer rounds, or another backend.`,
    );
  }
  const items = Math.ceil(rows / TILE) * groups;
  const [indices] = program(backend, {
    inputs: {z, codebooks},
    outputs: {result: {shape: [rounds, rows, groups], dtype: 'int32'}},
    uniforms: {items, rows, groups, codes, width, zero: 0},
    constants: {rounds, depth, residuals, resident},
    workgroups: items,
  });
  return indices;
});
