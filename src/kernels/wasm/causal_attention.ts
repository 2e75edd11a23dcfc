/** `CausalAttention` and `CausalAttentionGrad` for wasm: products by XNNPACK, softmax on the heap. */
import type * as tf from '@tensorflow/tfjs-core';
import {expNegative} from './exp.js';
import {multiply, view, withScratch} from './products.js';
import {largestOf} from './sparse_cross_entropy.js';
import {transposeMatrix} from './transpose_matrix.js';
import {floats, type WasmBackend, type WasmKernel} from './wasm_backend.js';

/**
 * Sizes of one call. The query heads of a key/value head are stacked: `rows = heads/groups · queries`, and the call is
 * `pairs = batch · groups` products.
 */
function sizes(q: tf.TensorInfo, k: tf.TensorInfo) {
  const [batch, heads, queries, width] = q.shape;
  const [, groups, keys] = k.shape;
  return {pairs: batch * groups, rows: (heads / groups) * queries, queries, keys, width};
}

function addressOf(backend: WasmBackend, info: tf.TensorInfo): number {
  return backend.dataIdMap.get(info.dataId).memoryOffset;
}

/** Writes the transpose of the `[rows, columns]` matrix at one address to another. */
function transposeAt(
  backend: WasmBackend,
  from: number,
  to: number,
  rows: number,
  columns: number,
): void {
  const size = rows * columns;
  transposeMatrix(view(backend, from, size), view(backend, to, size), rows, columns);
}

/** Scores of one call: `[rows, keys]`, rows of all query heads of a key/value head after one another. */
interface Scores {
  queries: number;
  keys: number;
  scale: number;
}

/** Where the keys that a row sees begin and end. */
function seenKeys(row: number, {queries, keys}: Scores): [start: number, end: number] {
  const start = row * keys;
  return [start, start + keys - queries + (row % queries) + 1];
}

/** Turns scores `[rows, keys]` into probabilities in place, zero for keys not seen, and writes each row's log-sum-exp. */
function softmaxRows(scores: Float32Array, lse: Float32Array, of: Scores): void {
  const {keys, scale} = of;
  for (let row = 0; row < lse.length; row++) {
    const [start, end] = seenKeys(row, of);
    for (let j = start; j < end; j++) {
      scores[j] *= scale;
    }
    const largest = largestOf(scores, start, end);
    let total = 0;
    for (let j = start; j < end; j++) {
      const e = expNegative(scores[j] - largest);
      scores[j] = e;
      total += e;
    }
    for (let j = start; j < end; j++) {
      scores[j] /= total;
    }
    scores.fill(0, end, start + keys);
    lse[row] = largest + Math.log(total);
  }
}

export const causalAttention: WasmKernel = ({inputs, attrs, backend}) => {
  const {q, k, v} = inputs;
  const {scale} = attrs as {scale: number};
  const {pairs, rows, queries, keys, width} = sizes(q, k);
  const out = backend.makeOutput(q.shape, 'float32');
  const lse = backend.makeOutput(q.shape.slice(0, 3), 'float32');
  const bytes = {q: rows * width * 4, k: keys * width * 4};

  withScratch(backend, keys * width + rows * keys, (kT) => {
    const scores = kT + bytes.k;
    for (let pair = 0; pair < pairs; pair++) {
      transposeAt(backend, addressOf(backend, k) + pair * bytes.k, kT, keys, width);
      const query = addressOf(backend, q) + pair * bytes.q;
      multiply(backend, query, kT, scores, [rows, width, keys]);
      const rowLse = view(backend, addressOf(backend, lse) + pair * rows * 4, rows);
      softmaxRows(view(backend, scores, rows * keys), rowLse, {queries, keys, scale});
      const value = addressOf(backend, v) + pair * bytes.k;
      const target = addressOf(backend, out) + pair * bytes.q;
      multiply(backend, scores, value, target, [rows, keys, width]);
    }
  });
  return [out, lse];
};

/**
 * `p ← exp(scale · scores − lse)` and `ds ← scale · p (dp − Σ dout · out)`, in place, zero for keys not seen and for one that is
 * seen alone.
 */
function softmaxGradRows(
  p: Float32Array,
  ds: Float32Array,
  rowDot: Float64Array,
  lse: Float32Array,
  of: Scores,
): void {
  const {keys, scale} = of;
  for (let row = 0; row < lse.length; row++) {
    const [start, end] = seenKeys(row, of);
    const factor = end - start > 1 ? scale : 0;
    for (let j = start; j < end; j++) {
      const probability = expNegative(Math.min(0, p[j] * scale - lse[row]));
      p[j] = probability;
      ds[j] = probability * (ds[j] - rowDot[row]) * factor;
    }
    p.fill(0, end, start + keys);
    ds.fill(0, end, start + keys);
  }
}

function rowDots(a: Float32Array, b: Float32Array, rows: number): Float64Array {
  const dots = new Float64Array(rows);
  const width = a.length / rows;
  for (let i = 0; i < a.length; i++) {
    dots[Math.floor(i / width)] += a[i] * b[i];
  }
  return dots;
}

/** See the composed reference for the formulas. */
export const causalAttentionGrad: WasmKernel = ({inputs, attrs, backend}) => {
  const {q, k, v, out, lse, dout} = inputs;
  const {scale} = attrs as {scale: number};
  const {pairs, rows, queries, keys, width} = sizes(q, k);
  const [dq, dk, dv] = [q, k, v].map(({shape}) => backend.makeOutput(shape, 'float32'));
  const dots = rowDots(floats(backend, dout), floats(backend, out), pairs * rows);
  const [small, large] = [keys * width, rows * keys];
  const bytes = {q: rows * width * 4, k: small * 4};
  const at = (info: tf.TensorInfo, pair: number, size: number) =>
    addressOf(backend, info) + pair * size;

  withScratch(backend, small + 3 * large, (flipped) => {
    const p = flipped + small * 4;
    const ds = p + large * 4;
    const turned = ds + large * 4;
    for (let pair = 0; pair < pairs; pair++) {
      const query = at(q, pair, bytes.q);
      const slope = at(dout, pair, bytes.q);
      transposeAt(backend, at(k, pair, bytes.k), flipped, keys, width);
      multiply(backend, query, flipped, p, [rows, width, keys]);
      transposeAt(backend, at(v, pair, bytes.k), flipped, keys, width);
      multiply(backend, slope, flipped, ds, [rows, width, keys]);
      softmaxGradRows(
        view(backend, p, large),
        view(backend, ds, large),
        dots.subarray(pair * rows, (pair + 1) * rows),
        view(backend, at(lse, pair, rows * 4), rows),
        {queries, keys, scale},
      );
      multiply(backend, ds, at(k, pair, bytes.k), at(dq, pair, bytes.q), [rows, keys, width]);
      transposeAt(backend, p, turned, rows, keys);
      multiply(backend, turned, slope, at(dv, pair, bytes.k), [keys, rows, width]);
      transposeAt(backend, ds, turned, rows, keys);
      multiply(backend, turned, query, at(dk, pair, bytes.k), [keys, rows, width]);
    }
  });
  return [dq, dk, dv];
};
