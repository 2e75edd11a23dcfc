/** How a split would fall: for `inspect`, without building it. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {getFloatCodec, idsCodec} from '../codecs/index.js';
import {stageVariables} from './balance.js';
import {ProjectionBoundary} from '../layers/index.js';
import {checkInteger} from '../ops/check_values.js';
import {cutName, type Cut} from './cuts.js';
import {sizeOf} from './graph.js';
import {planSplit, type SplitOptions} from './split.js';

/** What crosses a cut, in bytes per token (per example where the activation has no time axis). */
export interface BoundaryDescription {
  /** `at 'mapl.boundaries.0'` or `after 'model.layers.1'`. */
  name: string;
  /** Width of the activation. */
  width: number;
  /** Width of what is sent: the boundary's rank, or the width. */
  rank: number;
  /** Activation to the next stage, without the ids. */
  forward: number;
  /** Ids to the next stage; 0 where no later stage needs them. */
  ids: number;
  /** Gradient back. */
  backward: number;
  /** One leg without compression. */
  uncompressed: number;
  /** Projector that crosses once a step in each direction (new value, half of its gradient), in bytes a step. */
  projectorPerStep: number;
}

/** One stage of a split. */
export interface StageDescription {
  index: number;
  layers: string[];
  parameters: number;
  /** The cut at its end; null for the last stage. */
  boundary: BoundaryDescription | null;
}

export interface DescribeSplitOptions extends SplitOptions {
  /** Codec of activations, gradients and projectors: `bfloat16` (default) or `float32`. */
  wire?: string;
  /** Size of the vocabulary, which sets the width of an id; default that of the boundaries, else 4 bytes an id. */
  vocabSize?: number;
}

/**
 * Layers, parameters and bytes per token of each stage. For d = 1024 and r = 256 in bfloat16 it gives the published 512 bytes a
 * leg, 2 for the ids, against 2048 (method section 3).
 *
 * @throws Error as `splitModel`.
 */
export function describeSplit(
  model: tfl.LayersModel,
  options: DescribeSplitOptions,
): StageDescription[] {
  const plan = planSplit(model, options, ['stages', 'wire', 'vocabSize']);
  const {vocabSize: given} = options;
  if (given != null) checkInteger('describeSplit', 'vocabSize', given, 1);
  const boundary = plan.cuts
    .map((cut) => cut.boundary)
    .find((b) => b instanceof ProjectionBoundary);
  const vocabSize = options.vocabSize ?? boundary?.vocabSize;
  const idBytes = vocabSize == null ? 4 : idsCodec(vocabSize).byteLength([1]);
  return plan.calls.map((calls, index) => {
    const from = plan.cuts[index - 1] ?? null;
    const to = plan.cuts[index] ?? null;
    const names = calls.map(({layer}) => layer.name);
    if (from?.boundary != null) {
      names.unshift(`${from.boundary.name}.decoder`);
    }
    if (to?.boundary != null) {
      names.push(`${to.boundary.name}.encoder`);
    }
    const variables = [...stageVariables(calls, from, to)];
    return {
      index,
      layers: [...new Set(names)],
      parameters: variables.reduce((sum, variable) => sum + sizeOf(variable), 0),
      boundary:
        to == null ? null : describeCut(to, plan.ids[index] == null ? 0 : idBytes, options.wire),
    };
  });
}

function describeCut(cut: Cut, ids: number, wire = 'bfloat16'): BoundaryDescription {
  const codec = getFloatCodec(wire);
  // Per token where there is a time axis; batch and time do not count.
  const shape = cut.tensor.shape.slice(cut.tensor.rank > 2 ? 2 : 1).map((n) => n ?? 1);
  const width = shape.reduce((product, n) => product * n, 1);
  const rank = cut.boundary?.rank ?? width;
  const bytes = codec.byteLength([rank]);
  return {
    name: cutName(cut),
    width,
    rank,
    forward: bytes,
    ids,
    backward: bytes,
    uncompressed: codec.byteLength([width]),
    projectorPerStep: trains(cut) ? codec.byteLength([width, rank]) : 0,
  };
}

/** Whether the cut's boundary has a projector that changes. */
function trains({boundary}: Cut): boolean {
  return boundary instanceof ProjectionBoundary && boundary.trainableProjector;
}
