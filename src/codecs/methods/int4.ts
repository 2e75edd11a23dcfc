import {plainMethod} from './plain_method.js';

/** Four bits a value by groups, rotated by a Hadamard matrix; gradients in eight bits, as TAH-Quant has them. */
export const int4 = plainMethod({
  name: 'int4',
  title: 'int4 (Hadamard)',
  summary: '4 bits a value in groups after a Hadamard rotation; gradients in 8 bits',
  source: 'the idea of TAH-Quant (arXiv 2506.01352)',
  legs: () => ({
    forward: {codec: 'int4'},
    backward: {codec: 'int8', stochastic: true, errorFeedback: true},
  }),
});
