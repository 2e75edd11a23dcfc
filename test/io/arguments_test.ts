/** Files in memory called with what they cannot work with. */
import * as io from '../../src/io/index.js';
import {itRefuses, untyped, type Refusal} from '../support/refusals.js';

describe('Arguments of safetensors and half floats', () => {
  const encode = untyped(io.encodeSafetensors);
  const tensor = {name: 'a', shape: [1], data: new Float32Array(1)};
  const open = untyped(io.SafetensorsReader.open.bind(io.SafetensorsReader));
  const values = [undefined, null, 'x', NaN, {}];
  itRefuses([
    ...values.flatMap((value): Refusal[] => [
      [`tensors ${String(value)}`, () => encode(value), /safetensors: tensors is .*a list of \{/],
      [`bytes ${String(value)}`, () => untyped(io.memorySource)(value), /bytes is .*Uint8Array/],
      [`a source ${String(value)}`, () => open(value), /source is .*, expected bytes, or a file/],
      [`bits ${String(value)}`, () => untyped(io.float16ToFloat32)(value), /bits is .*Uint16Array/],
      [
        `bf16 ${String(value)}`,
        () => untyped(io.bfloat16ToFloat32)(value),
        /bits is .*Uint16Array/,
      ],
    ]),
    ['a tensor null', () => encode([null]), /tensors\[0\] is null, expected \{name, shape, data\}/],
    [
      'a name 5',
      () => encode([{...tensor, name: 5}]),
      /name of tensors\[0\] is 5, expected a text/,
    ],
    ['a shape 5', () => encode([{...tensor, shape: 5}]), /shape of tensors\[0\] is 5, expected a/],
    ['data 5', () => encode([{...tensor, data: 5}]), /data of tensors\[0\] is 5, expected a typed/],
    [
      'a dtype',
      () => encode([{...tensor, dtype: 'F3'}]),
      /dtype of tensors\[0\] is 'F3', expected/,
    ],
  ]);
});
