/** The places where a model can be cut into stages, and why it cannot be cut elsewhere. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {CompressedBoundary} from '../layers/index.js';
import {ancestors, usedVariables, type LayerCall, type ModelGraph} from './graph.js';
import {maskSource} from './masks.js';

/** A place between two stages. */
export interface Cut {
  /** What crosses: the activation, or with a boundary the boundary's output (`z` crosses in its place). */
  tensor: tfl.SymbolicTensor;
  /** The boundary that falls on the cut, one half on each side; null for a plain activation. */
  boundary: CompressedBoundary | null;
  /** Calls before the cut, without the boundary. */
  before: Set<LayerCall>;
  /** Calls after the cut, without the boundary, in the order of the model. */
  after: LayerCall[];
}

/** Name by which users know a cut: the boundary, or the layer that it comes after. */
export function cutName(cut: Cut): string {
  return cut.boundary == null
    ? `after '${cut.tensor.sourceLayer.name}'`
    : `at '${cut.boundary.name}'`;
}

/** The cut at a tensor, whether it can work or not. */
export function cutAt(graph: ModelGraph, tensor: tfl.SymbolicTensor): Cut {
  const call = graph.producer.get(tensor.id)!;
  const boundary = call.layer instanceof CompressedBoundary ? call.layer : null;
  const before = ancestors(graph, boundary == null ? [tensor] : call.inputs);
  const after = graph.calls.filter((c) => !before.has(c) && !(boundary != null && c === call));
  return {tensor, boundary, before, after};
}

/** All places where a single activation and at most the ids cross, from first to last. */
export function legalCuts(model: tfl.LayersModel, graph: ModelGraph): Cut[] {
  const cuts = graph.calls
    .filter((call) => call.outputs.length === 1 && !feedsOnlyBoundary(graph, call))
    .map((call) => cutAt(graph, call.outputs[0]))
    .filter((cut) => whyNot(model, graph, cut) == null);
  return longestChain(cuts);
}

/**
 * Why a cut cannot work, or null if it can.
 *
 * It can if everything after it depends on what is before it only through the one tensor, the ids are the only model input
 * that is needed after it, no mask comes with the tensor, and no weights are used on both sides.
 */
export function whyNot(model: tfl.LayersModel, graph: ModelGraph, cut: Cut): string | null {
  const {tensor, boundary, before, after} = cut;
  if (before.size === 0 || after.length === 0) {
    return `there is nothing ${before.size === 0 ? 'before' : 'after'} it`;
  }
  const own = ownIds(graph, cut);
  if (boundary != null && own != null && !isInput(model, own)) {
    return `the ids of '${boundary.name}' are computed in the model; they must be a model input to travel along`;
  }
  const skips = new Map<string, string>();
  const needed = new Set<tfl.SymbolicTensor>();
  for (const call of after) {
    for (const input of call.inputs) {
      const from = graph.producer.get(input.id);
      if (from != null && before.has(from) && input.id !== tensor.id) {
        skips.set(from.layer.name, call.layer.name);
      } else if (from == null) {
        needed.add(input);
      }
    }
  }
  if (skips.size > 0) {
    const list = [...skips].slice(0, 3).map(([from, to]) => `'${from}' → '${to}'`);
    const more = skips.size > 3 ? ` and ${skips.size - 3} more` : '';
    return `a connection skips it (${list.join(', ')}${more})`;
  }
  const floats = [...needed].filter((t) => t.dtype !== 'int32');
  if (floats.length > 0) {
    return `the model input '${floats[0].sourceLayer.name}' (${floats[0].dtype}) is needed after it; only int32 ids travel along`;
  }
  const ids = own == null ? [...needed] : [...needed, own];
  if (new Set(ids).size > 1) {
    const names = [...new Set(ids)].map((t) => `'${t.sourceLayer.name}'`).join(' and ');
    return `the model inputs ${names} are needed after it; only one can travel along`;
  }
  const masking = maskSource(graph, tensor);
  if (masking != null) {
    return `the mask that '${masking}' makes would have to cross too, and only the activation does`;
  }
  return sharedOver(cut);
}

/** The model input that is needed after the cut, if any. */
export function idsAfter(graph: ModelGraph, cut: Cut): tfl.SymbolicTensor | null {
  const own = ownIds(graph, cut);
  const inputs = [...(own == null ? [] : [own]), ...cut.after.flatMap((call) => call.inputs)];
  return inputs.find((t) => !graph.producer.has(t.id)) ?? null;
}

/** The ids that the boundary on a cut is applied to, if it is applied to any. */
export function ownIds(graph: ModelGraph, {boundary, tensor}: Cut): tfl.SymbolicTensor | null {
  return boundary == null ? null : (graph.producer.get(tensor.id)!.inputs[1] ?? null);
}

function isInput(model: tfl.LayersModel, tensor: tfl.SymbolicTensor | undefined): boolean {
  return model.inputs.some((t) => t.id === tensor?.id);
}

function sharedOver({boundary, before, after}: Cut): string | null {
  const sides = new Map<tfl.LayerVariable, string>();
  for (const {layer} of before) {
    usedVariables(layer).forEach((variable) => sides.set(variable, layer.name));
  }
  if (boundary != null) {
    usedVariables(boundary, 'encoder').forEach((variable) => sides.set(variable, boundary.name));
  }
  const receivers: Array<[string, Set<tfl.LayerVariable>]> = after.map(({layer}) => [
    layer.name,
    usedVariables(layer),
  ]);
  if (boundary != null) {
    receivers.push([boundary.name, usedVariables(boundary, 'decoder')]);
  }
  for (const [name, variables] of receivers) {
    for (const variable of variables) {
      const other = sides.get(variable);
      if (other != null) {
        return `the weight '${variable.originalName}' is used on both sides, by '${other}' and by '${name}'`;
      }
    }
  }
  return null;
}

/** Whether a cut after the call would only be a worse form of the cut at the boundary that follows. */
function feedsOnlyBoundary(graph: ModelGraph, call: LayerCall): boolean {
  const consumers = graph.consumers.get(call.outputs[0].id) ?? [];
  return consumers.length > 0 && consumers.every(({layer}) => layer instanceof CompressedBoundary);
}

/**
 * The longest list of cuts each of which lies behind the one before. Leaves out side branches, such as a table computed
 * from the ids alone, that could be cut off but do not divide the model into a first and a second part.
 */
function longestChain(cuts: Cut[]): Cut[] {
  const sorted = [...cuts].sort((a, b) => a.before.size - b.before.size);
  const best: Array<{length: number; previous: number}> = [];
  sorted.forEach((cut, i) => {
    best[i] = {length: 1, previous: -1};
    for (let j = 0; j < i; j++) {
      if (best[j].length >= best[i].length && liesBehind(cut, sorted[j])) {
        best[i] = {length: best[j].length + 1, previous: j};
      }
    }
  });
  const chain: Cut[] = [];
  let at = best.reduce((top, {length}, i) => (length > (best[top]?.length ?? 0) ? i : top), 0);
  while (best[at] != null) {
    chain.unshift(sorted[at]);
    at = best[at].previous;
  }
  return chain;
}

/** Whether `cut` lies behind `other`: what it cuts off includes all that the other does, and the other's last call. */
export function liesBehind(cut: Cut, other: Cut): boolean {
  return (
    cut.before.size > other.before.size &&
    [...other.before].every((call) => cut.before.has(call)) &&
    other.after.some((call) => cut.before.has(call))
  );
}
