/** MAPL without one of its parts, as in the ablations of the paper. */
import {projectionMethod} from './projection_method.js';

const source = 'MAPL (arXiv 2606.05484)';

/** Appendix C, "learned by Muon, no constraint": the projector's columns may be anything. */
export const maplUnconstrained = projectionMethod({
  name: 'mapl-unconstrained',
  title: 'MAPL, unconstrained projector',
  summary: 'MAPL with projectors trained by Muon, off the manifold',
  source: `${source}, appendix C`,
  fixed: {projector: 'unconstrained'},
});

/** Appendix G, "none". */
export const maplNoAnchors = projectionMethod({
  name: 'mapl-no-anchors',
  title: 'MAPL without anchors',
  summary: 'MAPL without anchors: the projection alone',
  source: `${source}, appendix G`,
  fixed: {anchors: 'none'},
});

/** Appendix G, "SSN-style static offset". */
export const maplStaticAnchors = projectionMethod({
  name: 'mapl-static-anchors',
  title: 'MAPL, static anchors',
  summary: 'MAPL with a frozen random offset a token in place of anchors, as SSN has it',
  source: `${source}, appendix G`,
  fixed: {anchors: 'static'},
});

/** Appendix G, "fully trainable V×d". */
export const maplFullAnchors = projectionMethod({
  name: 'mapl-full-anchors',
  title: 'MAPL, full anchor tables',
  summary: 'MAPL with a trainable table V×d a stage in place of the factorised anchors',
  source: `${source}, appendix G`,
  fixed: {anchors: 'full'},
});
