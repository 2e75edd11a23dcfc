/** What every layer of this package asks of its arguments before `tf.layers.Layer` reads them. */
import {refuseUnknownKeys, requireOptions} from '../ops/check_options.js';
import {checkBoolean, refuseValue} from '../ops/check_values.js';
import type {LayerArgs} from './layer_types.js';

/** tfjs-layers adds this to every configuration that it loads. */
const ADDED_ON_LOADING = 'customObjects';

/**
 * `args`, if they are an object, have no unknown key, and what all layers take is of its type.
 *
 * @param where Begins the message: the class or function called.
 * @param example A call that works, for the message.
 * @param known All keys, from `layerKeys`; null for a class whose subclasses have keys of their own.
 * @throws Error naming the argument, its value and what was expected.
 */
export function checkLayerArgs<T extends LayerArgs>(
  where: string,
  args: T,
  example: string,
  known: readonly string[] | null,
): T {
  const given = requireOptions(where, args, example);
  if (known != null) {
    const own = Object.fromEntries(
      Object.entries(given).filter(([key]) => key !== ADDED_ON_LOADING),
    );
    refuseUnknownKeys(where, own, known);
  }
  const {name, trainable} = given;
  if (name != null && (typeof name !== 'string' || name === '')) {
    refuseValue(where, 'name', name, `a text such as 'boundary', or none`);
  }
  if (trainable != null) checkBoolean(where, 'trainable', trainable);
  return given;
}

/** Name of a class as it is registered: `Function.name` does not survive a minifier. */
export function classNameOf(target: unknown): string {
  return (target as {className?: string}).className ?? (target as {name: string}).name;
}
