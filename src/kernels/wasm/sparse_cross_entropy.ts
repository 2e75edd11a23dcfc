/** `SparseCrossEntropy` and `SparseCrossEntropyGrad` for wasm. */
import {expNegative} from './exp.js';
import {floats, integers, type WasmKernel} from './wasm_backend.js';

/** Largest of `values[start … end − 1]`; NaN if one of them is. */
export function largestOf(values: Float32Array, start: number, end: number): number {
  let largest = -Infinity;
  for (let j = start; j < end; j++) {
    // Written so that NaN wins and stays.
    if (!(values[j] <= largest) && largest === largest) {
      largest = values[j];
    }
  }
  return largest;
}

export const sparseCrossEntropy: WasmKernel = ({inputs, backend}) => {
  const [rows, classes] = inputs.logits.shape;
  const lossInfo = backend.makeOutput([rows], 'float32');
  const lseInfo = backend.makeOutput([rows], 'float32');
  const logits = floats(backend, inputs.logits);
  const targets = integers(backend, inputs.targets);
  const loss = floats(backend, lossInfo);
  const lse = floats(backend, lseInfo);
  for (let i = 0; i < rows; i++) {
    const start = i * classes;
    const largest = largestOf(logits, start, start + classes);
    let total = 0;
    for (let j = start; j < start + classes; j++) {
      total += expNegative(logits[j] - largest);
    }
    const value = largest + Math.log(total);
    lse[i] = value;
    loss[i] = value - logits[start + targets[i]];
  }
  return [lossInfo, lseInfo];
};

/** `(softmax(logits) − onehot(targets)) · dloss`, with no one-hot: only the target's entry is changed. */
export const sparseCrossEntropyGrad: WasmKernel = ({inputs, backend}) => {
  const [rows, classes] = inputs.logits.shape;
  const out = backend.makeOutput([rows, classes], 'float32');
  const logits = floats(backend, inputs.logits);
  const targets = integers(backend, inputs.targets);
  const lse = floats(backend, inputs.lse);
  const dloss = floats(backend, inputs.dloss);
  const dlogits = floats(backend, out);
  for (let i = 0; i < rows; i++) {
    const start = i * classes;
    for (let j = start; j < start + classes; j++) {
      dlogits[j] = expNegative(Math.min(0, logits[j] - lse[i])) * dloss[i];
    }
    dlogits[start + targets[i]] -= dloss[i];
  }
  return out;
};
