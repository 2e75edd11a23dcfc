import {projectionMethod} from './projection_method.js';

/**
 * MAPL with `z` as code indices (published), each vector scaled to one length first, and gradients in four bits (both ours: the
 * sources do not say what crosses backward; docs/methods.md has the comparison).
 */
export const maplRvq = projectionMethod({
  name: 'mapl+rvq',
  title: 'MAPL + RVQ',
  summary: 'MAPL with z as indices of streamed codebooks; gradients in 4 bits',
  source: 'MAPL (arXiv 2606.05484), section on vector quantisation; backward leg ours',
  legs: () => ({
    forward: {codec: 'rvq', scale: 'token'},
    backward: {codec: 'int4'},
  }),
});
