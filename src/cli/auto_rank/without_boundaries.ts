import type {RunConfig} from '../config/schema.js';

/** A configuration with nothing at its cuts, whatever the user wants there; for methods without a boundary. */
export function withoutBoundaries(config: RunConfig, method = 'none'): RunConfig {
  const options = {anchors: null, projector: null, anchorRank: null};
  const rest = {anchorStart: null, offsetRange: null, forward: null, backward: null};
  return {...config, compression: {...config.compression, method, ...options, ...rest}};
}
