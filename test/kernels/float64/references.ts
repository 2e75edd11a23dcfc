/** Kernels in float64, written from their definitions. */
import type {AdamWUpdateAttrs, MuonUpdateAttrs} from '../../../src/kernels/kernel_names.js';
import {dense, type Dense} from '../../support/dense.js';

type Inputs = Record<string, Dense>;

const map = (shape: number[], of: (i: number) => number): Dense => {
  const out = dense(shape);
  out.values.forEach((_, i) => (out.values[i] = of(i)));
  return out;
};

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export function rmsNorm({x, weight}: Inputs, {epsilon}: {epsilon: number}): Dense[] {
  const [, d] = x.shape;
  const inverse = inverses(x, epsilon);
  return [map(x.shape, (i) => x.values[i] * inverse[Math.floor(i / d)] * weight.values[i % d])];
}

export function rmsNormGrad({x, weight, dy}: Inputs, {epsilon}: {epsilon: number}): Dense[] {
  const [n, d] = x.shape;
  const inverse = inverses(x, epsilon);
  const along = new Float64Array(n);
  const dweight = dense([d]);
  x.values.forEach((value, i) => {
    const row = Math.floor(i / d);
    const normed = value * inverse[row];
    along[row] += (dy.values[i] * weight.values[i % d] * normed) / d;
    dweight.values[i % d] += dy.values[i] * normed;
  });
  const dx = map(x.shape, (i) => {
    const row = Math.floor(i / d);
    const g = dy.values[i] * weight.values[i % d];
    return (g - x.values[i] * inverse[row] * along[row]) * inverse[row];
  });
  return [dx, dweight];
}

function inverses(x: Dense, epsilon: number): Float64Array {
  const [n, d] = x.shape;
  const squares = new Float64Array(n);
  x.values.forEach((value, i) => (squares[Math.floor(i / d)] += value * value));
  return squares.map((sum) => 1 / Math.sqrt(sum / d + epsilon));
}

export function rotaryEmbedding({x, cos, sin}: Inputs): Dense[] {
  const [, , time, k] = x.shape;
  const half = k / 2;
  return [
    map(x.shape, (i) => {
      const column = i % k;
      const pair = column % half;
      const at = (Math.floor(i / k) % time) * half + pair;
      const [c, s] = [cos.values[at], sin.values[at]];
      return column < half
        ? x.values[i] * c - x.values[i + half] * s
        : x.values[i] * c + x.values[i - half] * s;
    }),
  ];
}

export function swiglu({gate, up}: Inputs): Dense[] {
  return [map(gate.shape, (i) => gate.values[i] * sigmoid(gate.values[i]) * up.values[i])];
}

export function swigluGrad({gate, up, dy}: Inputs): Dense[] {
  const g = gate.values;
  return [
    map(gate.shape, (i) => {
      const sigma = sigmoid(g[i]);
      return dy.values[i] * up.values[i] * sigma * (1 + g[i] * (1 - sigma));
    }),
    map(gate.shape, (i) => dy.values[i] * g[i] * sigmoid(g[i])),
  ];
}

export function sparseCrossEntropy({logits, targets}: Inputs): Dense[] {
  const [n, v] = logits.shape;
  const lse = map([n], (row) => {
    const own = logits.values.subarray(row * v, (row + 1) * v);
    const largest = own.reduce((a, b) => Math.max(a, b));
    return largest + Math.log(own.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  });
  const picked = (row: number) => logits.values[row * v + targets.values[row]];
  return [map([n], (row) => lse.values[row] - picked(row)), lse];
}

export function sparseCrossEntropyGrad({logits, targets, lse, dloss}: Inputs): Dense[] {
  const [, v] = logits.shape;
  return [
    map(logits.shape, (i) => {
      const row = Math.floor(i / v);
      const hot = targets.values[row] === i % v ? 1 : 0;
      return (Math.exp(logits.values[i] - lse.values[row]) - hot) * dloss.values[row];
    }),
  ];
}

export function scatterRows({rows, ids}: Inputs, {numSegments}: {numSegments: number}): Dense[] {
  const [, width] = rows.shape;
  const out = dense([numSegments, width]);
  rows.values.forEach((value, i) => {
    out.values[ids.values[Math.floor(i / width)] * width + (i % width)] += value;
  });
  return [out];
}

export function adamWUpdate(
  {value, gradient, first, second}: Inputs,
  {learningRate, beta1, beta2, epsilon, weightDecay, t}: AdamWUpdateAttrs,
): Dense[] {
  const {shape} = value;
  const m = map(shape, (i) => beta1 * first.values[i] + (1 - beta1) * gradient.values[i]);
  const v = map(shape, (i) => beta2 * second.values[i] + (1 - beta2) * gradient.values[i] ** 2);
  const next = map(shape, (i) => {
    const mHat = m.values[i] / (1 - beta1 ** t);
    const vHat = v.values[i] / (1 - beta2 ** t);
    const decayed = value.values[i] * (1 - learningRate * weightDecay);
    return decayed - (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
  });
  return [next, m, v];
}

export function muonUpdate(
  {momentum, gradient}: Inputs,
  {beta, nesterov}: MuonUpdateAttrs,
): Dense[] {
  const {shape} = momentum;
  const mix = (m: Dense) => map(shape, (i) => beta * m.values[i] + (1 - beta) * gradient.values[i]);
  const mean = mix(momentum);
  return [mean, nesterov ? mix(mean) : mean];
}

export function globalNorm(inputs: Inputs): Dense[] {
  const sums = Object.values(inputs).map(({values}) => values.reduce((sum, v) => sum + v * v, 0));
  return [dense([sums.length], sums)];
}
