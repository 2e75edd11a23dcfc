/** Remembers the `config.json` a model came from, so that saving keeps what the model itself has no use for. */
import type * as tfl from '@tensorflow/tfjs-layers';

const sources = new WeakMap<tfl.LayersModel, Record<string, unknown>>();

/** Called by `loadLlama`. */
export function rememberConfig(model: tfl.LayersModel, config: Record<string, unknown>): void {
  sources.set(model, config);
}

/** The `config.json` that `model` was loaded with; empty if it was not loaded. */
export function rememberedConfig(model: tfl.LayersModel): Record<string, unknown> {
  return sources.get(model) ?? {};
}
