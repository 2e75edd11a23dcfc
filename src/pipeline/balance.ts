/** Chooses the cuts that divide a model's parameters most evenly. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {CompressedBoundary} from '../layers/index.js';
import {cutAt, cutName, legalCuts, whyNot, type Cut} from './cuts.js';
import {sizeOf, usedVariables, type LayerCall, type ModelGraph} from './graph.js';

/** Decoder blocks, by the naming of Hugging Face models. */
const BLOCK = /(^|\.)layers\.\d+$/;

/**
 * `stages − 1` of the legal cuts. As many as possible fall on boundaries; among those choices the one whose largest stage
 * has the fewest parameters, then the one with the smallest sum of squares. If the model has decoder blocks
 * (`….layers.<n>`), every stage gets at least one.
 *
 * @throws Error when there are fewer decoder blocks or places to cut than that.
 */
export function balancedCuts(model: tfl.LayersModel, graph: ModelGraph, stages: number): Cut[] {
  if (!Number.isInteger(stages) || stages < 1) {
    throw new Error(
      `splitModel: stages is ${stages}, expected a whole number of at least 1 or names.`,
    );
  }
  const blocks = new Set(graph.calls.map(({layer}) => layer).filter(({name}) => BLOCK.test(name)));
  if (blocks.size > 0 && blocks.size < stages) {
    throw new Error(
      `splitModel: stages is ${stages}, but model '${model.name}' has only ${blocks.size} layers ` +
        `(${[...blocks].map(({name}) => name).join(', ')}): use at most ${blocks.size} stages.`,
    );
  }
  const legal = legalCuts(model, graph);
  const boundaries = legal.filter((cut) => cut.boundary != null);
  const candidates = boundaries.length >= stages - 1 ? boundaries : legal;
  const chosen = choose(graph, candidates, stages, blocks.size > 0);
  if (chosen == null) {
    const places =
      legal.length === 0
        ? 'cannot be cut anywhere'
        : `can only be cut ${legal.map(cutName).join(', ')}`;
    const most =
      legal.length < stages - 1 ? `use at most ${legal.length + 1}` : 'that leaves a stage empty';
    throw new Error(
      `splitModel: stages is ${stages}, but model '${model.name}' ${places}: ${most}.${obstacle(model, graph)}`,
    );
  }
  return chosen;
}

/**
 * Why the model cannot be cut at one of its boundaries or behind one of its blocks (any layer where it has neither), if so:
 * for instance tied weights.
 */
function obstacle(model: tfl.LayersModel, graph: ModelGraph): string {
  const isPlace = ({layer}: LayerCall) =>
    layer instanceof CompressedBoundary || BLOCK.test(layer.name);
  const places = graph.calls.filter(isPlace);
  for (const {outputs} of places.length > 0 ? places : graph.calls.slice(0, -1)) {
    const cut = cutAt(graph, outputs[0]);
    const reason = whyNot(model, graph, cut);
    if (reason != null) {
      return ` It cannot be cut ${cutName(cut)}: ${reason}.`;
    }
  }
  return '';
}

/** Quality of a choice: smaller is better, compared from left to right. */
type Score = [plainCuts: number, largest: number, squares: number];

function choose(
  graph: ModelGraph,
  candidates: Cut[],
  stages: number,
  needBlock: boolean,
): Cut[] | null {
  const edges: Array<Cut | null> = [null, ...candidates, null];
  const last = edges.length - 1;
  const sizes = new Map<number, number | null>();
  const sizeBetween = (i: number, j: number) => {
    const key = i * edges.length + j;
    if (!sizes.has(key)) {
      sizes.set(key, stageSize(graph, edges[i], edges[j], needBlock));
    }
    return sizes.get(key)!;
  };
  // best[i] after k rounds: the best way to cover everything up to edge i with k stages.
  let best: Array<{score: Score; path: Cut[]} | null> = edges.map(() => null);
  best[0] = {score: [0, 0, 0], path: []};
  for (let k = 0; k < stages; k++) {
    const next: typeof best = edges.map(() => null);
    const end = k === stages - 1 ? [last] : edges.map((_, i) => i).slice(1, last);
    for (const j of end) {
      for (let i = k === 0 ? 0 : 1; i < (k === 0 ? 1 : j); i++) {
        const from = best[i];
        const size = from == null ? null : sizeBetween(i, j);
        if (from == null || size == null) {
          continue;
        }
        const cut = edges[j];
        const score: Score = [
          from.score[0] + (cut != null && cut.boundary == null ? 1 : 0),
          Math.max(from.score[1], size),
          from.score[2] + size * size,
        ];
        if (next[j] == null || less(score, next[j]!.score)) {
          next[j] = {score, path: cut == null ? from.path : [...from.path, cut]};
        }
      }
    }
    best = next;
  }
  return best[last]?.path ?? null;
}

function less(a: Score, b: Score): boolean {
  const i = a.findIndex((value, k) => value !== b[k]);
  return i >= 0 && a[i] < b[i];
}

/** Parameters between two cuts; null if that is no stage: without parameters, or without a block where one is needed. */
function stageSize(
  graph: ModelGraph,
  from: Cut | null,
  to: Cut | null,
  needBlock: boolean,
): number | null {
  const calls = (from?.after ?? graph.calls).filter((call) => to == null || to.before.has(call));
  if (needBlock && !calls.some(({layer}) => BLOCK.test(layer.name))) {
    return null;
  }
  const variables = stageVariables(calls, from, to);
  const size = [...variables].reduce((sum, variable) => sum + sizeOf(variable), 0);
  return size === 0 ? null : size;
}

/** The variables of a stage between two cuts. */
export function stageVariables(
  calls: LayerCall[],
  from: Cut | null,
  to: Cut | null,
): Set<tfl.LayerVariable> {
  const lists = calls.map(({layer}) => usedVariables(layer));
  if (from?.boundary != null) {
    lists.push(usedVariables(from.boundary, 'decoder'));
  }
  if (to?.boundary != null) {
    lists.push(usedVariables(to.boundary, 'encoder'));
  }
  return new Set(lists.flatMap((list) => [...list]));
}
