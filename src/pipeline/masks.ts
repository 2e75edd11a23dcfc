/** Masks, which tfjs-layers hands from layer to layer beside the tensors, out of sight of the graph. */
import * as tfl from '@tensorflow/tfjs-layers';
import type {LayerCall, ModelGraph} from './graph.js';

/**
 * Name of the layer that makes the mask of a tensor, or null if the tensor has none: what a stage receives comes without
 * a mask, so that the layers behind a cut would compute something else than in the whole model.
 */
export function maskSource(graph: ModelGraph, tensor: tfl.SymbolicTensor): string | null {
  const sources = new Map<number, string>();
  for (const call of graph.calls) {
    const source = makesMask(call.layer) ? call.layer.name : passedOn(call, sources);
    if (source != null) {
      call.outputs.forEach((output) => sources.set(output.id, source));
    }
  }
  return sources.get(tensor.id) ?? null;
}

/** `Masking`, an `Embedding` with `maskZero`, or a model that has one of them. */
function makesMask(layer: tfl.layers.Layer): boolean {
  if (layer instanceof tfl.LayersModel) {
    return layer.layers.some(makesMask);
  }
  const name = layer.getClassName();
  return name === 'Masking' || (name === 'Embedding' && layer.getConfig().maskZero === true);
}

/** The mask among a call's inputs that its outputs have too. Of a sequence folded into one state there is none. */
function passedOn(
  {layer, inputs, outputs}: LayerCall,
  sources: Map<number, string>,
): string | null {
  const source = inputs.map((input) => sources.get(input.id)).find((found) => found != null);
  const foldsTime = outputs[0].rank < 3;
  return source == null || !layer.supportsMasking || foldsTime ? null : source;
}
