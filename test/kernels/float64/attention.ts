/** Causal attention and its gradient in float64, written straight from their definitions. */
import {dense, type Dense} from '../../support/dense.js';

export interface AttentionResult {
  out: Dense;
  lse: Dense;
  dq: Dense;
  dk: Dense;
  dv: Dense;
}

/** `q, dout [b,h,tq,w]`, `k, v [b,g,tk,w]`. */
export function attentionFloat64(
  q: Dense,
  k: Dense,
  v: Dense,
  dout: Dense,
  scale: number,
): AttentionResult {
  const [batch, heads, queries, width] = q.shape;
  const [, groups, keys] = k.shape;
  const [out, lse] = [dense(q.shape), dense([batch, heads, queries])];
  const [dq, dk, dv] = [dense(q.shape), dense(k.shape), dense(v.shape)];
  const dot = (a: Dense, at: number, b: Dense, bt: number) => {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += a.values[at + c] * b.values[bt + c];
    return sum;
  };
  const add = (to: Dense, at: number, factor: number, x: Dense, xt: number) => {
    for (let c = 0; c < width; c++) to.values[at + c] += factor * x.values[xt + c];
  };
  for (let head = 0; head < batch * heads; head++) {
    const pair = Math.floor(head / (heads / groups));
    for (let i = 0; i < queries; i++) {
      const at = (head * queries + i) * width;
      const key = (j: number) => (pair * keys + j) * width;
      const seen = keys - queries + i + 1;
      const scores = Array.from({length: seen}, (_, j) => scale * dot(q, at, k, key(j)));
      const largest = Math.max(...scores);
      const total = scores.reduce((sum, s) => sum + Math.exp(s - largest), 0);
      lse.values[head * queries + i] = largest + Math.log(total);
      const weights = scores.map((s) => Math.exp(s - largest) / total);
      weights.forEach((p, j) => add(out, at, p, v, key(j)));
      const along = dot(dout, at, out, at);
      weights.forEach((p, j) => {
        const ds = scale * p * (dot(dout, at, v, key(j)) - along);
        add(dq, at, ds, k, key(j));
        add(dk, key(j), ds, q, at);
        add(dv, key(j), p, dout, at);
      });
    }
  }
  return {out, lse, dq, dk, dv};
}
