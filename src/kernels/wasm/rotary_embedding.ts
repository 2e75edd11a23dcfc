/** `RotaryEmbedding` for wasm: one pass over the heap. */
import {floats, type WasmKernel} from './wasm_backend.js';

export const rotaryEmbedding: WasmKernel = ({inputs, backend}) => {
  const out = backend.makeOutput(inputs.x.shape, 'float32');
  const x = floats(backend, inputs.x);
  const cos = floats(backend, inputs.cos);
  const sin = floats(backend, inputs.sin);
  const y = floats(backend, out);
  const half = inputs.x.shape[3] / 2;
  let at = 0;
  for (let start = 0; start < x.length; start += 2 * half) {
    for (let i = 0; i < half; i++) {
      const first = x[start + i];
      const second = x[start + half + i];
      y[start + i] = first * cos[at] - second * sin[at];
      y[start + half + i] = second * cos[at] + first * sin[at];
      at++;
    }
    // The tables begin again with the next head.
    if (at === cos.length) {
      at = 0;
    }
  }
  return out;
};
