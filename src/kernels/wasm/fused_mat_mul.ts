/** `_FusedMatMul` for wasm: the product of `batch_mat_mul.ts`, then bias and activation in place. */
import {broadcastIndex, operand, productShape, writeProduct} from './batch_mat_mul.js';
import {floats, type WasmKernel} from './wasm_backend.js';

type Activation = (value: number, index: number) => number;

const ACTIVATIONS: Record<string, Activation | null> = {
  linear: null,
  relu: (v) => (v < 0 ? 0 : v),
  relu6: (v) => (v < 0 ? 0 : v > 6 ? 6 : v),
  elu: (v) => (v < 0 ? Math.expm1(v) : v),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
};

function activationOf(
  name: string,
  slope: number,
  weights: Float32Array | null,
): Activation | null {
  if (name === 'leakyrelu') {
    return (v) => (v < 0 ? v * slope : v);
  }
  if (name === 'prelu' && weights != null) {
    return (v, i) => (v < 0 ? v * weights[i % weights.length] : v);
  }
  const activation = ACTIVATIONS[name];
  if (activation === undefined) {
    throw new Error(`Activation '${name}' is not supported by _FusedMatMul on the wasm backend.`);
  }
  return activation;
}

/** `values [shape] += addend [addendShape]`, broadcast as in tfjs; a vector along the last dimension is the usual case. */
function addBroadcast(
  values: Float32Array,
  shape: number[],
  addend: Float32Array,
  addendShape: number[],
): void {
  if (addend.length === 0) {
    return;
  }
  if (addendShape.length === 1 && addend.length === shape[shape.length - 1]) {
    for (let start = 0; start < values.length; start += addend.length) {
      for (let j = 0; j < addend.length; j++) {
        values[start + j] += addend[j];
      }
    }
    return;
  }
  const at = broadcastIndex(addendShape, shape);
  for (let i = 0; i < values.length; i++) {
    values[i] += addend[at(i)];
  }
}

/**
 * `activation(a · b + bias)`. tfjs-wasm's own adds the bias once per block of 48 along the inner dimension when an operand
 * is transposed or batched, and clamps in between; this one does both once, at the end.
 */
export const fusedMatMul: WasmKernel = ({inputs, attrs, backend}) => {
  const {a, b, bias, preluActivationWeights} = inputs;
  const {transposeA, transposeB, activation, leakyreluAlpha} = attrs as {
    transposeA: boolean;
    transposeB: boolean;
    activation?: string;
    leakyreluAlpha?: number;
  };
  if (a.dtype !== 'float32') {
    throw new Error(`_FusedMatMul on the wasm backend takes float32, got ${a.dtype}.`);
  }
  const shape = productShape(a, b, transposeA, transposeB);
  const out = backend.makeOutput(shape.outShape, 'float32');
  const left = operand(backend, a, transposeA);
  writeProduct(backend, left, operand(backend, b, transposeB), out, shape);

  const values = floats(backend, out);
  if (bias != null) {
    addBroadcast(values, shape.outShape, floats(backend, bias), bias.shape);
  }
  const weights = preluActivationWeights == null ? null : floats(backend, preluActivationWeights);
  const activate = activationOf(activation ?? 'linear', leakyreluAlpha ?? 0, weights);
  if (activate != null) {
    for (let i = 0; i < values.length; i++) {
      values[i] = activate(values[i], i);
    }
  }
  return out;
};
