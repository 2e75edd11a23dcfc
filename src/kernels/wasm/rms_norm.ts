/** `RmsNorm` and `RmsNormGrad` for wasm: one pass over the heap each. */
import {floats, type WasmKernel} from './wasm_backend.js';

function inverseRms(x: Float32Array, start: number, width: number, epsilon: number): number {
  let square = 0;
  for (let j = start; j < start + width; j++) {
    square += x[j] * x[j];
  }
  return 1 / Math.sqrt(square / width + epsilon);
}

export const rmsNorm: WasmKernel = ({inputs, attrs, backend}) => {
  const {epsilon} = attrs as {epsilon: number};
  const out = backend.makeOutput(inputs.x.shape, 'float32');
  const x = floats(backend, inputs.x);
  const weight = floats(backend, inputs.weight);
  const y = floats(backend, out);
  const width = weight.length;
  for (let start = 0; start < x.length; start += width) {
    const inverse = inverseRms(x, start, width, epsilon);
    for (let j = 0; j < width; j++) {
      y[start + j] = x[start + j] * inverse * weight[j];
    }
  }
  return out;
};

/** See the composed reference for the formulas. The weight's gradient is summed in float64, row by row. */
export const rmsNormGrad: WasmKernel = ({inputs, attrs, backend}) => {
  const {epsilon} = attrs as {epsilon: number};
  const dxInfo = backend.makeOutput(inputs.x.shape, 'float32');
  const dweightInfo = backend.makeOutput(inputs.weight.shape, 'float32');
  const x = floats(backend, inputs.x);
  const weight = floats(backend, inputs.weight);
  const dy = floats(backend, inputs.dy);
  const dx = floats(backend, dxInfo);
  const width = weight.length;
  const dweight = new Float64Array(width);
  for (let start = 0; start < x.length; start += width) {
    const inverse = inverseRms(x, start, width, epsilon);
    let along = 0;
    for (let j = 0; j < width; j++) {
      along += dy[start + j] * weight[j] * x[start + j];
    }
    const factor = (along * inverse * inverse) / width;
    for (let j = 0; j < width; j++) {
      const value = x[start + j];
      const slope = dy[start + j];
      dx[start + j] = inverse * (slope * weight[j] - value * factor);
      dweight[j] += slope * value * inverse;
    }
  }
  floats(backend, dweightInfo).set(dweight);
  return [dxInfo, dweightInfo];
};
