import {projectionMethod} from './projection_method.js';

/**
 * MAPL with `z` as code indices (published) and gradients in eight bits, rounded at random with the error carried on (ours:
 * the sources do not say what crosses backward).
 */
export const maplRvq = projectionMethod({
  name: 'mapl+rvq',
  title: 'MAPL + RVQ',
  summary: 'MAPL with z as indices of streamed codebooks; gradients in 8 bits',
  source: 'MAPL (arXiv 2606.05484), section on vector quantisation; backward leg ours',
  legs: () => ({
    forward: {codec: 'rvq'},
    backward: {codec: 'int8', stochastic: true, errorFeedback: true},
  }),
});
