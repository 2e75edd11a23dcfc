/** Cuts a functional model into stages. */
import * as tfl from '@tensorflow/tfjs-layers';
import {BoundaryDecoder, BoundaryEncoder, CompressedBoundary} from '../layers/index.js';
import {checkOptions} from '../ops/check_options.js';
import {balancedCuts} from './balance.js';
import {cutAt, cutName, idsAfter, legalCuts, liesBehind, ownIds, whyNot, type Cut} from './cuts.js';
import {ancestors, readGraph, type LayerCall, type ModelGraph} from './graph.js';
import {Stage} from './stage.js';

/** How to split a model. */
export interface SplitOptions {
  /**
   * How many stages, balanced by parameters; boundaries are preferred as cuts, and with one boundary fewer than stages the
   * model is cut exactly there. Or where: one name for each stage but the first, of the layer that begins it or of the
   * boundary in front of it.
   */
  stages: number | string[];
}

/** Where a model is cut, and what belongs to each stage. */
export interface SplitPlan {
  cuts: Cut[];
  graph: ModelGraph;
  /** Calls of each stage, in the order of the model; boundaries that fall on a cut are in none. */
  calls: LayerCall[][];
  /** `ids[p]`: the model input that travels over cut p, or null. */
  ids: Array<tfl.SymbolicTensor | null>;
}

/**
 * Splits a functional model (one output; a single activation, plus the int32 ids where they are needed, crosses each cut)
 * into stages. Layers keep their instances, weights and names, so checkpoints of the whole and the split model are the same.
 * At a `CompressedBoundary`, such as a `ProjectionBoundary`, one stage ends with `boundary.encoder()` and the next begins with `boundary.decoder()`.
 *
 * @throws Error when a cut cannot work (a skip connection over it, weights used on both sides, …) saying why and where to cut
 *     instead, and when there are more stages than places to cut.
 */
export function splitModel(model: tfl.LayersModel, options: SplitOptions): Stage[] {
  return buildStages(model, planSplit(model, options));
}

/** Decides where to cut, without building anything. Throws as `splitModel` does. */
export function planSplit(
  model: tfl.LayersModel,
  options: SplitOptions,
  known: readonly string[] = ['stages'],
): SplitPlan {
  if (!(model instanceof tfl.LayersModel)) {
    throw new Error(
      `splitModel: the model is ${model == null ? 'missing' : String(model)}, expected a functional model ` +
        `such as llama(config): splitModel(model, {stages: 2}).`,
    );
  }
  const example = 'splitModel(model, {stages: 2})';
  const {stages} = checkOptions('splitModel', options, example, known);
  if (model.outputs.length !== 1) {
    throw new Error(
      `splitModel: model '${model.name}' has ${model.outputs.length} outputs, expected one: the last stage computes the loss.`,
    );
  }
  const graph = readGraph(model);
  const cuts = Array.isArray(stages)
    ? namedCuts(model, graph, stages)
    : balancedCuts(model, graph, stages);
  const edges: Array<Cut | null> = [null, ...cuts, null];
  const calls = edges.slice(1).map((cut, p) => {
    const earlier = edges[p];
    const inside = cut == null ? new Set(graph.calls) : cut.before;
    return (earlier?.after ?? graph.calls).filter((call) => inside.has(call));
  });
  return {cuts, graph, calls, ids: cuts.map((cut) => idsAfter(graph, cut))};
}

function namedCuts(model: tfl.LayersModel, graph: ModelGraph, names: string[]): Cut[] {
  const instead = () => {
    const names = legalCuts(model, graph).map((cut) => beginsAt(graph, cut));
    const places = names.filter((name, i) => names.indexOf(name) === i).map((name) => `'${name}'`);
    return places.length === 0
      ? 'it cannot be cut anywhere'
      : `stages can begin at ${places.join(', ')}`;
  };
  const cuts: Cut[] = [];
  for (const name of names) {
    const cut = cutBefore(model, graph, name);
    const reason = typeof cut === 'string' ? cut : whyNot(model, graph, cut);
    if (typeof cut === 'string' || reason != null) {
      throw new Error(
        `splitModel: no stage of '${model.name}' can begin at '${name}': ${reason}; ${instead()}.`,
      );
    }
    const previous = cuts[cuts.length - 1];
    if (previous != null && !liesBehind(cut, previous)) {
      throw new Error(
        `splitModel: '${name}' does not lie behind '${names[cuts.length - 1]}': name the stages in the order of the model.`,
      );
    }
    cuts.push(cut);
  }
  return cuts;
}

/** The cut that makes the named layer the first of a stage, or why there is none. */
function cutBefore(model: tfl.LayersModel, graph: ModelGraph, name: string): Cut | string {
  const calls = graph.calls.filter(({layer}) => layer.name === name);
  if (calls.length === 0) {
    return `it has no layer of that name`;
  }
  const [call] = calls;
  if (calls.length === 1 && isBoundary(call.layer)) {
    return cutAt(graph, call.outputs[0]);
  }
  const inputs = call.inputs.filter((t) => graph.producer.has(t.id));
  if (calls.length === 1 && inputs.length === 1) {
    return cutAt(graph, inputs[0]);
  }
  // Used twice, or fed by two activations: there may still be one place that works, for instance where all but one
  // activation are made from the ids.
  const places = legalCuts(model, graph).filter((cut) => calls.some((c) => begins(graph, cut, c)));
  if (places.length === 1) {
    return places[0];
  }
  if (calls.length > 1) {
    return `the layer is used ${calls.length} times`;
  }
  const from = inputs.map((t) => `'${t.sourceLayer.name}'`).join(', ');
  return inputs.length === 0
    ? 'there is nothing before it'
    : `it needs ${inputs.length} activations (${from})`;
}

/** Whether a call reads what crosses a cut, and nothing else that is computed from it. */
function begins(graph: ModelGraph, {tensor}: Cut, call: LayerCall): boolean {
  const others = call.inputs.filter((input) => input.id !== tensor.id);
  const earlier = ancestors(graph, others);
  const readers = graph.consumers.get(tensor.id) ?? [];
  return readers.includes(call) && !readers.some((reader) => earlier.has(reader));
}

/** Name of the first layer after a cut. */
function beginsAt(graph: ModelGraph, cut: Cut): string {
  const readers = graph.consumers.get(cut.tensor.id)!;
  const first = readers.find((call) => begins(graph, cut, call)) ?? readers[0];
  return cut.boundary?.name ?? first.layer.name;
}

function isBoundary(layer: tfl.layers.Layer): layer is CompressedBoundary {
  return layer instanceof CompressedBoundary;
}

/** Applies the layers of each stage to new symbolic inputs. */
function buildStages(model: tfl.LayersModel, {cuts, graph, calls, ids}: SplitPlan): Stage[] {
  return calls.map((own, index) => {
    const incoming = cuts[index - 1] ?? null;
    const outgoing = cuts[index] ?? null;
    const tensors = new Map<number, tfl.SymbolicTensor>();
    const inputs: tfl.SymbolicTensor[] = [];
    let decoder: BoundaryDecoder | null = null;
    let encoder: BoundaryEncoder | null = null;

    const modelInput = (old: tfl.SymbolicTensor): tfl.SymbolicTensor => {
      let input = tensors.get(old.id);
      if (input == null) {
        input = tfl.input({batchShape: old.shape, dtype: old.dtype, name: old.sourceLayer.name});
        tensors.set(old.id, input);
        inputs.push(input);
      }
      return input;
    };
    const lookUp = (old: tfl.SymbolicTensor) =>
      graph.producer.has(old.id) ? tensors.get(old.id)! : modelInput(old);

    if (incoming != null) {
      const {tensor, boundary} = incoming;
      const shape = boundary == null ? tensor.shape : [...tensor.shape.slice(0, -1), boundary.rank];
      const received = tfl.input({
        batchShape: shape,
        dtype: 'float32',
        name: `stage_${index}.input`,
      });
      inputs.push(received);
      if (boundary != null) {
        const half = boundary.decoder();
        const idsIn = ownIds(graph, incoming);
        const taken = idsIn == null ? received : [received, modelInput(idsIn)];
        tensors.set(tensor.id, half.apply(taken) as tfl.SymbolicTensor);
        decoder = half instanceof BoundaryDecoder ? half : null;
      } else {
        tensors.set(tensor.id, received);
      }
    }
    for (const {layer, inputs: oldInputs, outputs, kwargs} of own) {
      const fresh = oldInputs.map(lookUp);
      const result = [layer.apply(fresh.length === 1 ? fresh[0] : fresh, kwargs)].flat();
      outputs.forEach((old, i) => tensors.set(old.id, result[i] as tfl.SymbolicTensor));
    }
    let output = tensors.get(outgoing == null ? model.outputs[0].id : outgoing.tensor.id);
    if (outgoing?.boundary != null) {
      const half = outgoing.boundary.encoder();
      const sent = graph.producer.get(outgoing.tensor.id)!.inputs.map(lookUp);
      output = half.apply(sent.length === 1 ? sent[0] : sent) as tfl.SymbolicTensor;
      encoder = half instanceof BoundaryEncoder ? half : null;
    }
    return new Stage({
      index,
      stages: calls.length,
      model: tfl.model({inputs, outputs: output!, name: `${model.name}.stage_${index}`}),
      decoder,
      encoder,
      receives: incoming?.boundary ?? null,
      sends: outgoing?.boundary ?? null,
      takesIds: index > 0 && inputs.length > 1,
      sendsIds: ids[index] != null,
      modelInputs: model.inputs.map((t) => t.sourceLayer.name),
      begins: incoming == null ? 'model input' : cutName(incoming),
      ends: outgoing == null ? 'model output' : cutName(outgoing),
    });
  });
}
