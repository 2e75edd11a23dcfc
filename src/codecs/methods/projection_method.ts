/** MAPL and its variants: a projection at each boundary, with or without anchors. */
import type {LegSpec} from '../leg.js';
import type {CompressionMethod, MethodOptions, MethodRequest} from '../method.js';
import {refuseOptions} from './refuse_options.js';

/** What tells one variant from another. */
export interface ProjectionMethodArgs {
  name: string;
  title: string;
  version?: number;
  summary: string;
  source: string;
  /** Settings that make the variant what it is; others the user may choose. */
  fixed?: MethodOptions;
  /** Codecs of the legs; default: the number format of the wire. */
  legs?(request: MethodRequest): {forward: LegSpec; backward: LegSpec};
}

/**
 * A method of `ProjectionBoundary`s. Unless `fixed` says otherwise: learned projectors, factorised anchors of the
 * projector's rank (published), tables that start at the token embedding as far as it lies in their span (the
 * paper does not say; ours, chosen on validation text: docs/methods.md).
 */
export function projectionMethod(args: ProjectionMethodArgs): CompressionMethod {
  const {fixed = {}, legs, version = 1, ...rest} = args;
  const free = (['anchors', 'projector', 'anchorStart'] as const).filter((k) => fixed[k] == null);
  return {
    ...rest,
    version,
    plan(request) {
      const {rank, anchorRank, wire, options} = request;
      const {anchors = 'factorised', projector = 'learned'} = {...options, ...fixed};
      const factorised = anchors === 'factorised';
      const trained = factorised || anchors === 'full';
      refuseOptions(rest.name, request, [
        ...free.filter((key) => key !== 'anchorStart' || trained),
        ...(factorised ? (['anchorRank'] as const) : []),
        ...(anchors === 'static' ? (['offsetRange'] as const) : []),
      ]);
      const model = {
        kind: 'projection' as const,
        rank,
        anchors,
        projector,
        anchorStart: trained ? (options.anchorStart ?? 'embedding') : ('zeros' as const),
        ...(factorised ? {anchorRank: anchorRank ?? rank} : {}),
        ...(options.offsetRange == null ? {} : {offsetRange: options.offsetRange}),
      };
      return {model, ...(legs?.(request) ?? {forward: {codec: wire}, backward: {codec: wire}})};
    },
  };
}
