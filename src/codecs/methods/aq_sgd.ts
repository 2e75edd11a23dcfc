import {plainMethod} from './plain_method.js';

/** Differences from the last activation of the same sample, quantised; gradients quantised directly. */
export const aqSgd = plainMethod({
  name: 'aq-sgd',
  title: 'AQ-SGD',
  summary:
    'quantised changes since the same sample was last seen; for several epochs over little text',
  source: 'AQ-SGD (arXiv 2206.01299)',
  legs: () => ({
    forward: {codec: 'aq-sgd'},
    backward: {codec: 'int8', stochastic: true, errorFeedback: true},
  }),
});
