/** The graph of a functional model as a list of layer calls, and which variables each call uses. */
import * as tfl from '@tensorflow/tfjs-layers';
import {
  AnchorEmbedding,
  BoundaryHalf,
  CompressedBoundary,
  type BoundaryPart,
} from '../layers/index.js';

/** One use of a layer in a model. */
export interface LayerCall {
  layer: tfl.layers.Layer;
  inputs: tfl.SymbolicTensor[];
  outputs: tfl.SymbolicTensor[];
  /** Keyword arguments the layer was applied with. */
  kwargs: Parameters<tfl.layers.Layer['call']>[1] | undefined;
}

/** Calls of a model without its inputs, every call after those it depends on. */
export interface ModelGraph {
  calls: LayerCall[];
  /** The call that made a symbolic tensor, by the tensor's id; absent for model inputs. */
  producer: Map<number, LayerCall>;
  /** Calls that read a symbolic tensor, by its id. */
  consumers: Map<number, LayerCall[]>;
}

/** Reads the graph of `model`. */
export function readGraph(model: tfl.LayersModel): ModelGraph {
  const calls: LayerCall[] = [];
  const producer = new Map<number, LayerCall>();
  const consumers = new Map<number, LayerCall[]>();
  const inputs = new Set(model.inputs.map((t) => t.id));
  const byNode = new Map<object, LayerCall>();
  const visit = (tensor: tfl.SymbolicTensor): void => {
    const node = tensor.sourceLayer.inboundNodes[tensor.nodeIndex];
    if (inputs.has(tensor.id) || byNode.has(node)) {
      return;
    }
    const call: LayerCall = {
      layer: tensor.sourceLayer,
      inputs: node.inputTensors,
      outputs: node.outputTensors,
      kwargs: node.callArgs,
    };
    byNode.set(node, call);
    node.inputTensors.forEach(visit);
    calls.push(call);
    call.outputs.forEach((t) => producer.set(t.id, call));
    new Set(call.inputs).forEach((t) =>
      consumers.set(t.id, [...(consumers.get(t.id) ?? []), call]),
    );
  };
  model.outputs.forEach(visit);
  return {calls, producer, consumers};
}

/** The calls that the given tensors depend on. */
export function ancestors(graph: ModelGraph, tensors: tfl.SymbolicTensor[]): Set<LayerCall> {
  const found = new Set<LayerCall>();
  const queue = [...tensors];
  for (const tensor of queue) {
    const call = graph.producer.get(tensor.id);
    if (call != null && !found.has(call)) {
      found.add(call);
      queue.push(...call.inputs);
    }
  }
  return found;
}

/**
 * The variables that a layer computes with. Beyond those that it lists as its weights these are weights of other layers it
 * refers to: an output head tied to the embedding, anchors shared between boundaries.
 */
export function usedVariables(
  layer: tfl.layers.Layer,
  part: BoundaryPart = 'all',
): Set<tfl.LayerVariable> {
  if (layer instanceof CompressedBoundary) {
    return new Set(layer.partWeights(part));
  }
  const used = new Set(layer.weights);
  if (layer instanceof AnchorEmbedding || layer instanceof BoundaryHalf) {
    return used;
  }
  for (const value of Object.values(layer)) {
    if (value instanceof tfl.LayerVariable) {
      used.add(value);
    } else if (value instanceof tfl.layers.Layer && value !== layer) {
      usedVariables(value).forEach((variable) => used.add(variable));
    }
  }
  return used;
}

/** Number of elements of a variable. */
export function sizeOf(variable: tfl.LayerVariable): number {
  return variable.shape.reduce<number>((product, n) => product * (n ?? 1), 1);
}
