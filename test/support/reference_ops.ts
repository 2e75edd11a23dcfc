/** The ops of this package in float64, written straight from their definitions. */
import {dense, matMul, transpose, type Dense} from './dense.js';

function rowsOf(table: Dense, ids: Dense): Dense {
  const width = table.shape[1];
  const out = dense([ids.values.length, width]);
  ids.values.forEach((id, i) => {
    out.values.set(table.values.subarray(id * width, (id + 1) * width), i * width);
  });
  return out;
}

function combine(a: Dense, b: Dense, sign: number): Dense {
  return dense(
    a.shape,
    a.values.map((v, i) => v + sign * b.values[i]),
  );
}

/** `(x − E[ids] P) A`. */
export function boundaryEncode(
  x: Dense,
  ids: Dense,
  projector: Dense,
  anchors: Dense,
  basis: Dense,
): Dense {
  const residual = combine(x, matMul(rowsOf(anchors, ids), basis), -1);
  return matMul(residual, projector);
}

/** `z Aᵀ + E[ids] P`. */
export function boundaryDecode(
  z: Dense,
  ids: Dense,
  projector: Dense,
  anchors: Dense,
  basis: Dense,
): Dense {
  return combine(matMul(z, transpose(projector)), matMul(rowsOf(anchors, ids), basis), 1);
}

/** Polar factor of one `[m,n]` matrix of full rank, by the classical quintic iteration run until nothing moves. */
export function polarFactor(y: Dense): Dense {
  const isWide = y.shape[0] < y.shape[1];
  let x = isWide ? transpose(y) : y;
  const norm = Math.sqrt(x.values.reduce((sum, v) => sum + v * v, 0));
  x = dense(
    x.shape,
    x.values.map((v) => v / norm),
  );
  for (let step = 0; step < 200; step++) {
    const gram = matMul(transpose(x), x);
    const square = matMul(gram, gram);
    const polynomial = dense(
      gram.shape,
      gram.values.map((v, i) => -1.25 * v + 0.375 * square.values[i]),
    );
    const product = matMul(x, polynomial);
    const next = dense(
      x.shape,
      x.values.map((v, i) => 1.875 * v + product.values[i]),
    );
    const moved = next.values.reduce((most, v, i) => Math.max(most, Math.abs(v - x.values[i])), 0);
    x = next;
    if (moved < 1e-15) {
      break;
    }
  }
  return isWide ? transpose(x) : x;
}

export function rmsNorm(x: Dense, weight: Dense, epsilon: number): Dense {
  const width = weight.values.length;
  const out = dense(x.shape);
  for (let start = 0; start < x.values.length; start += width) {
    let square = 0;
    for (let j = 0; j < width; j++) {
      square += x.values[start + j] ** 2;
    }
    const rms = Math.sqrt(square / width + epsilon);
    for (let j = 0; j < width; j++) {
      out.values[start + j] = (x.values[start + j] / rms) * weight.values[j];
    }
  }
  return out;
}

/** `x [..., t, k]`, tables `[t, k/2]`. */
export function rotaryEmbedding(x: Dense, cos: Dense, sin: Dense): Dense {
  const [time, half] = cos.shape;
  const out = dense(x.shape);
  const rows = x.values.length / (2 * half);
  for (let row = 0; row < rows; row++) {
    const start = row * 2 * half;
    for (let i = 0; i < half; i++) {
      const at = (row % time) * half + i;
      const [c, s] = [cos.values[at], sin.values[at]];
      const [first, second] = [x.values[start + i], x.values[start + half + i]];
      out.values[start + i] = first * c - second * s;
      out.values[start + half + i] = second * c + first * s;
    }
  }
  return out;
}

export function swiglu(gate: Dense, up: Dense): Dense {
  return dense(
    gate.shape,
    gate.values.map((g, i) => (g / (1 + Math.exp(-g))) * up.values[i]),
  );
}

/** `q [b,h,tq,k]`, `k, v [b,g,tk,k]`; query head `h` uses group `floor(h·g/heads)`. */
export function causalAttention(q: Dense, k: Dense, v: Dense, scale: number): Dense {
  const [batch, heads, queries, width] = q.shape;
  const [, groups, keys] = k.shape;
  const out = dense(q.shape);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const group = (b * groups + Math.floor((h * groups) / heads)) * keys * width;
      for (let i = 0; i < queries; i++) {
        const query = ((b * heads + h) * queries + i) * width;
        const seen = keys - queries + i + 1;
        const scores = Array.from({length: seen}, (_, j) => {
          let dot = 0;
          for (let c = 0; c < width; c++) {
            dot += q.values[query + c] * k.values[group + j * width + c];
          }
          return dot * scale;
        });
        const largest = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((sum, w) => sum + w, 0);
        weights.forEach((weight, j) => {
          for (let c = 0; c < width; c++) {
            out.values[query + c] += (weight / total) * v.values[group + j * width + c];
          }
        });
      }
    }
  }
  return out;
}

/** `logits [n,V]`, `targets [n]` → losses `[n]`. */
export function sparseCrossEntropy(logits: Dense, targets: Dense): Dense {
  const [rows, classes] = logits.shape;
  const out = dense([rows]);
  for (let i = 0; i < rows; i++) {
    const row = logits.values.subarray(i * classes, (i + 1) * classes);
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = row.reduce((sum, v) => sum + Math.exp(v - largest), 0);
    out.values[i] = largest + Math.log(total) - row[targets.values[i]];
  }
  return out;
}
