/** Methods that leave the model alone: cuts between blocks, with a codec on each leg. */
import type {LegSpec} from '../leg.js';
import type {CompressionMethod, MethodRequest} from '../method.js';
import {refuseOptions} from './refuse_options.js';

/** What tells one plain method from another. */
export interface PlainMethodArgs {
  name: string;
  title: string;
  version?: number;
  summary: string;
  source: string;
  /** Codecs of the legs; `wire` is the number format of what is not compressed. */
  legs(request: MethodRequest): {forward: LegSpec; backward: LegSpec};
}

/** A method without a boundary in the model. Anchors, projectors and their options have no meaning for it. */
export function plainMethod({legs, version = 1, ...rest}: PlainMethodArgs): CompressionMethod {
  return {
    ...rest,
    version,
    plan(request) {
      refuseOptions(rest.name, request);
      return {model: null, ...legs(request)};
    },
  };
}
