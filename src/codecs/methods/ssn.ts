import type {CompressionMethod} from '../method.js';
import {refuseOptions} from './refuse_options.js';

/**
 * Subspace Networks in their reparametrised form: what writes to the residual stream before the last boundary can only
 * write inside one fixed subspace, so that the boundary loses nothing. The model has fewer parameters at the same width.
 */
export const ssn: CompressionMethod = {
  name: 'ssn',
  version: 1,
  title: 'SSN',
  summary: 'weights confined to one fixed subspace, lossless boundaries (ReparamSSN)',
  source: 'Subspace Networks (arXiv 2506.01260), ReparamSSN of ProtocolNanoGPT',
  plan(request) {
    refuseOptions('ssn', request, ['offsetRange']);
    const {rank, wire, options} = request;
    const offset = options.offsetRange == null ? {} : {offsetRange: options.offsetRange};
    return {
      model: {kind: 'subspace', rank, anchors: 'static', projector: 'fixed', ...offset},
      forward: {codec: wire},
      backward: {codec: wire},
    };
  },
};
