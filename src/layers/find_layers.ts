/** Walks the graph of symbolic tensors. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {AnyTensor, LayerInputs} from './layer_types.js';

/**
 * The layers of the graph that the symbolic `inputs` belong to, along the arrows and against them, nearest first, each
 * once; empty for concrete tensors. A deserialised layer looks here for those it shared weights with before it was saved.
 */
export function connectedLayers(inputs: LayerInputs): tfl.layers.Layer[] {
  const tensors: AnyTensor[] = Array.isArray(inputs) ? [...inputs] : [inputs];
  const symbolic = tensors.filter((t): t is tfl.SymbolicTensor => !(t instanceof tf.Tensor));
  const queue = symbolic.map((t) => t.sourceLayer);
  const seen = new Set<tfl.layers.Layer>();
  for (const layer of queue) {
    if (layer == null || seen.has(layer)) {
      continue;
    }
    seen.add(layer);
    for (const node of layer.inboundNodes) {
      queue.push(...node.inboundLayers);
    }
    for (const node of layer.outboundNodes) {
      queue.push(node.outboundLayer);
    }
  }
  return [...seen];
}
