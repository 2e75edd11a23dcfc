import {plainMethod} from './plain_method.js';

/** Half precision on both legs: as many bytes as bfloat16, three bits more of mantissa, a smaller range. */
export const fp16 = plainMethod({
  name: 'fp16',
  title: 'float16',
  summary: 'activations and gradients in half precision',
  source: 'usual practice',
  legs: () => ({forward: {codec: 'float16'}, backward: {codec: 'float16'}}),
});
