/** `SwiGLU` and `SwiGLUGrad` for wasm: one pass over the heap each. */
import {sigmoid} from './exp.js';
import {floats, type WasmKernel} from './wasm_backend.js';

export const swiglu: WasmKernel = ({inputs, backend}) => {
  const out = backend.makeOutput(inputs.gate.shape, 'float32');
  const gate = floats(backend, inputs.gate);
  const up = floats(backend, inputs.up);
  const y = floats(backend, out);
  for (let i = 0; i < y.length; i++) {
    y[i] = gate[i] * sigmoid(gate[i]) * up[i];
  }
  return out;
};

/** See the composed reference for the formulas. */
export const swigluGrad: WasmKernel = ({inputs, backend}) => {
  const dgateInfo = backend.makeOutput(inputs.gate.shape, 'float32');
  const dupInfo = backend.makeOutput(inputs.up.shape, 'float32');
  const gate = floats(backend, inputs.gate);
  const up = floats(backend, inputs.up);
  const dy = floats(backend, inputs.dy);
  const dgate = floats(backend, dgateInfo);
  const dup = floats(backend, dupInfo);
  for (let i = 0; i < dy.length; i++) {
    const g = gate[i];
    const s = sigmoid(g);
    dup[i] = dy[i] * g * s;
    dgate[i] = dy[i] * up[i] * s * (1 + g * (1 - s));
  }
  return [dgateInfo, dupInfo];
};
