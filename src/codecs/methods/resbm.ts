import type {CompressionMethod} from '../method.js';
import {refuseOptions} from './refuse_options.js';

/** Residual bottlenecks: a learned encoder and decoder beside a rectangular identity. */
export const resbm: CompressionMethod = {
  name: 'resbm',
  version: 1,
  title: 'ResBM',
  summary: 'learned two-layer encoder and decoder beside a rectangular identity',
  source: 'ResBM (arXiv 2604.11947); sizes and start inferred',
  plan(request) {
    refuseOptions('resbm', request);
    const {rank, wire} = request;
    return {
      model: {kind: 'resbm', rank, anchors: 'none', projector: 'learned'},
      forward: {codec: wire},
      backward: {codec: wire},
    };
  },
};
