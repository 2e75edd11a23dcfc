import {projectionMethod} from './projection_method.js';

/** The method this package is named after: a projector learned on the Stiefel manifold, factorised anchors. */
export const mapl = projectionMethod({
  name: 'mapl',
  title: 'MAPL',
  summary: 'projectors learned on the Stiefel manifold, factorised anchors',
  source: 'MAPL (arXiv 2606.05484)',
});
