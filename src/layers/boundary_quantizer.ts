/** How a boundary comes by its quantiser. */
import {requireOptions} from '../ops/check_options.js';
import {refuseValue} from '../ops/check_values.js';
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
 * @throws If it is none of these, or its groups do not divide the boundary's rank.
 */
export function makeQuantizer(
  arg: QuantizerArg,
  boundary: {name: string; rank: number},
): ResidualVectorQuantizer {
  const label = `ProjectionBoundary '${boundary.name}'`;
  const quantizer =
    arg instanceof ResidualVectorQuantizer
      ? arg
      : new ResidualVectorQuantizer({
          name: `${boundary.name}.quantizer`,
          ...quantizerArgs(arg, label),
        });
  codeWidth(boundary.rank, quantizer.settings.groups, label);
  return quantizer;
}

function quantizerArgs(
  arg: Exclude<QuantizerArg, ResidualVectorQuantizer>,
  label: string,
): ResidualVectorQuantizerArgs {
  if (typeof arg !== 'object' || Array.isArray(arg)) {
    refuseValue(label, 'quantizer', arg, 'a layer or arguments such as {groups: 8, rounds: 2}');
  }
  if (!('className' in arg)) return arg;
  return requireOptions(
    `${label}, config of quantizer`,
    arg.config,
    '{groups: 8}',
  ) as ResidualVectorQuantizerArgs;
}
