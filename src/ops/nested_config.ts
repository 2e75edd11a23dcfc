/** Objects inside the saved configuration of another: the optimizer of a group, the anchors of a boundary. */
import * as tf from '@tensorflow/tfjs-core';
import {refuseValue} from './check_values.js';

/** An object as a configuration holds it: the name under which its class is registered, and its own configuration. */
export type NestedConfig = {
  className: string;
  config: tf.serialization.ConfigDict;
};

/** What {@link fromNestedConfig} makes `object` again from. */
export function nestedConfig(object: tf.serialization.Serializable): NestedConfig {
  return {className: object.getClassName(), config: object.getConfig()};
}

/**
 * The object of a configuration, by tfjs's map of registered classes as `loadLayersModel` does.
 *
 * @param where Begins the message: the class or function that reads the configuration.
 * @param what What the object is, for the message: `boundary`.
 * @param example Name of a class that would do, for the message.
 * @throws If no class of that name is registered.
 */
export function fromNestedConfig(
  where: string,
  what: string,
  nested: {className: unknown; config: unknown},
  example: string,
): tf.serialization.Serializable {
  const {classNameMap} = tf.serialization.SerializationMap.getMap();
  const className = nested.className as string;
  const known = Object.hasOwn(classNameMap, className) ? classNameMap[className] : null;
  if (known == null) {
    const mend = `the name of a registered class such as '${example}'`;
    refuseValue(where, `className of the ${what}`, className, mend);
  }
  const [cls, fromConfig] = known;
  return fromConfig(cls, nested.config as tf.serialization.ConfigDict);
}
