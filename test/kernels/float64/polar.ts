/** The polar factor's gradient in float64, from its closed form; and matrices that it is well defined for. */
import {dense, matMul, normal, transpose, type Dense} from '../../support/dense.js';
import {polarFactor as polarOfOne} from '../../support/reference_ops.js';

/** Applies `work` to each matrix of `[b,m,n]` tensors. */
function each(inputs: Dense[], work: (matrices: Dense[]) => Dense): Dense {
  const [batch, m, n] = inputs[0].shape;
  const out = dense([batch, m, n]);
  for (let b = 0; b < batch; b++) {
    const [from, to] = [b * m * n, (b + 1) * m * n];
    const own = inputs.map(({values}) => dense([m, n], values.subarray(from, to)));
    out.values.set(work(own).values, from);
  }
  return out;
}

/** Random `[b,m,n]` whose singular values go from 1 down to 1/3: what float32 loses then stays below 1e-5. */
export function conditioned(shape: number[], seed: number): Dense {
  return each([normal(shape, seed)], ([one]) => {
    const [m, n] = one.shape;
    if (m < n) return transpose(stretched(transpose(one), seed));
    return stretched(one, seed);
  });
}

function stretched(tall: Dense, seed: number): Dense {
  const n = tall.shape[1];
  const left = polarOfOne(tall);
  const right = polarOfOne(normal([n, n], seed + 7));
  left.values.forEach((v, i) => (left.values[i] = v * 3 ** (-(i % n) / Math.max(1, n - 1))));
  const product = matMul(left, right);
  return dense(product.shape, product.values.map(Math.fround));
}

export function polarFactor({y}: Record<string, Dense>): Dense[] {
  return [each([y], ([one]) => polarOfOne(one))];
}

/**
 * With `Y = U H`: `U K + (G − U UᵀG) H⁻¹`, where `K H + H K = UᵀG − GᵀU` is solved entry by entry (the differential of
 * `UᵀU = I` and `Y = U H`; it is its own adjoint).
 */
export function polarFactorGrad({y, dy}: Record<string, Dense>): Dense[] {
  return [
    each([y, dy], ([one, g]) => {
      const [m, n] = one.shape;
      if (m < n) return transpose(gradOfTall(transpose(one), transpose(g)));
      return gradOfTall(one, g);
    }),
  ];
}

function gradOfTall(y: Dense, g: Dense): Dense {
  const n = y.shape[1];
  const u = polarOfOne(y);
  const h = matMul(transpose(u), y);
  const along = matMul(transpose(u), g);
  const skew = minus(along, transpose(along));
  // Row (i, j) of the system: Σ_l K[i,l] H[l,j] + H[i,l] K[l,j].
  const system = dense([n * n, n * n]);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let l = 0; l < n; l++) {
        system.values[(i * n + j) * n * n + i * n + l] += h.values[l * n + j];
        system.values[(i * n + j) * n * n + l * n + j] += h.values[i * n + l];
      }
    }
  }
  const k = dense([n, n], solve(system, dense([n * n, 1], skew.values)).values);
  const across = minus(g, matMul(u, along));
  const scaled = transpose(solve(transpose(h), transpose(across)));
  const turned = matMul(u, k);
  return dense(
    y.shape,
    turned.values.map((v, i) => v + scaled.values[i]),
  );
}

function minus(a: Dense, b: Dense): Dense {
  return dense(
    a.shape,
    a.values.map((v, i) => v - b.values[i]),
  );
}

/** `a⁻¹ b` by elimination with pivots. */
function solve(a: Dense, b: Dense): Dense {
  const [n, k] = b.shape;
  const rows = Array.from({length: n}, (_, i) => [
    ...a.values.subarray(i * n, (i + 1) * n),
    ...b.values.subarray(i * k, (i + 1) * k),
  ]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) {
      if (Math.abs(rows[r][i]) > Math.abs(rows[pivot][i])) pivot = r;
    }
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const factor = rows[r][i] / rows[i][i];
      for (let c = i; factor !== 0 && c < n + k; c++) rows[r][c] -= factor * rows[i][c];
    }
  }
  return dense(
    [n, k],
    rows.flatMap((row, i) => row.slice(n).map((v) => v / row[i])),
  );
}
