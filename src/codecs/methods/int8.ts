import {plainMethod} from './plain_method.js';

/**
 * Eight bits a value on both legs. Gradients are rounded at random and what was lost is added to the next microbatch's:
 * see the codec.
 */
export const int8 = plainMethod({
  name: 'int8',
  title: 'int8',
  summary: '8 bits a value, both legs; gradients rounded at random',
  source: 'DirectQ of AQ-SGD (arXiv 2206.01299), 8 bits',
  legs: () => ({
    forward: {codec: 'int8'},
    backward: {codec: 'int8', stochastic: true, errorFeedback: true},
  }),
});
