/** What the two ends of a boundary must have the same, besides the bytes that cross. */
import type {CompressedBoundary} from '../layers/index.js';
import type {JsonValue} from './wire/index.js';

/** What an end may choose for itself: names that tfjs makes up, and which of its weights it trains. */
const OWN = new Set(['name', 'trainable']);

/**
 * The settings of a boundary by the name that messages give them: its class, and all that its config holds, that of anchors and
 * quantiser too. Two methods whose tensors have one shape are told apart by them: `x̂` would be wrong without a word.
 *
 * @param boundary Null at a plain cut.
 */
export function boundarySettings(boundary: CompressedBoundary | null): {[key: string]: JsonValue} {
  if (boundary == null) {
    return {boundary: 'none'};
  }
  const settings: {[key: string]: JsonValue} = {boundary: boundary.getClassName()};
  const add = (prefix: string, config: object): void => {
    for (const [key, value] of Object.entries(config)) {
      if (OWN.has(key) || value === undefined) continue;
      const name = key === 'className' || key === 'config' ? prefix : `${prefix}, ${key}`;
      const isConfig = typeof value === 'object' && value != null && !Array.isArray(value);
      if (isConfig) add(name, value as object);
      else settings[name] = value as JsonValue;
    }
  };
  add('boundary', boundary.getConfig());
  return settings;
}
