import {projectionMethod} from './projection_method.js';

/** The control of the paper's appendix C: projectors stay at their random start, anchors are trained. */
export const fixed = projectionMethod({
  name: 'fixed',
  title: 'fixed projector',
  summary: 'fixed random projectors, factorised anchors',
  source: 'MAPL (arXiv 2606.05484), appendix C: "fixed orthogonal"',
  fixed: {projector: 'fixed'},
});
