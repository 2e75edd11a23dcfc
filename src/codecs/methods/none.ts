import {plainMethod} from './plain_method.js';

/** No compression: activations and gradients cross in the number format of the wire. */
export const none = plainMethod({
  name: 'none',
  title: 'uncompressed',
  summary: 'activations as they are, in the number format of the wire (bfloat16 or float32)',
  source: 'usual practice',
  legs: ({wire}) => ({forward: {codec: wire}, backward: {codec: wire}}),
});
