/** How a boundary comes by its quantiser. */
import {codeWidth} from './quantizer/quantizer_settings.js';
import {
  ResidualVectorQuantizer,
  type ResidualVectorQuantizerArgs,
} from './residual_vector_quantizer.js';

/** A quantiser as a layer, as its config (what `getConfig` gives), or as its arguments. */
export type QuantizerArg =
  ResidualVectorQuantizer | {className: string; config: object} | ResidualVectorQuantizerArgs;

/**
 * The quantiser of a boundary.
 *
 * @throws If its groups do not divide the boundary's rank.
 */
export function makeQuantizer(
  arg: QuantizerArg,
  boundary: {name: string; rank: number},
): ResidualVectorQuantizer {
  const quantizer =
    arg instanceof ResidualVectorQuantizer
      ? arg
      : new ResidualVectorQuantizer({
          name: `${boundary.name}.quantizer`,
          ...('className' in arg ? (arg.config as ResidualVectorQuantizerArgs) : arg),
        });
  codeWidth(boundary.rank, quantizer.settings.groups, `ProjectionBoundary '${boundary.name}'`);
  return quantizer;
}
