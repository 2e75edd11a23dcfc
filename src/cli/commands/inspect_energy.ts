import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {encodeDocuments} from '../../data/encode_documents.js';
import {splitDocuments} from '../../data/split_documents.js';
import {evaluationBatches} from '../../data/token_batches.js';
import {energyProfile, type ActivationProfile} from '../../diagnostics/energy_profile.js';
import {energyInside, trace} from '../../diagnostics/gram_algebra.js';
import {principalAngles} from '../../diagnostics/principal_angles.js';
import {anchorRows, restoredShare} from '../../diagnostics/restored_share.js';
import {ProjectionBoundary} from '../../layers/projection_boundary.js';
import {readGraph} from '../../pipeline/graph.js';
import {planSplit} from '../../pipeline/split.js';
import {formatCount} from '../report/format.js';
import {
  energyJson,
  keptTable,
  ownTable,
  rankTable,
  type CutEnergy,
  type OwnBoundary,
} from '../report/energy_tables.js';
import {terminalTable} from '../report/terminal_table.js';
import {openWithText, type TextOptions} from '../training/open_with_text.js';

/** What `inspect --energy` is told. */
export interface InspectEnergyOptions extends TextOptions {
  stages?: number | string[];
  tokens?: number;
  json?: boolean;
}

/** Tokens for each dimension: half of them make the anchors, which need to have seen most tokens often. */
const TOKENS_A_DIMENSION = 64;
/** Tokens of a batch, about. */
const BATCH_TOKENS = 1024;
/** Decoder blocks, by the naming of Hugging Face models. */
const BLOCK = /(^|\.)layers\.\d+$/;

/** A place where a model could be cut. */
interface Place {
  name: string;
  /** The activation there; in front of the boundary, if there is one. */
  tensor: tfl.SymbolicTensor;
  boundary: ProjectionBoundary | null;
}

/** The ends of all decoder layers, or the cuts of a split. */
function places(model: tfl.LayersModel, stages?: number | string[]): Place[] {
  const graph = readGraph(model);
  const blocks = graph.calls.filter(({layer}) => BLOCK.test(layer.name));
  const ends =
    stages == null
      ? blocks.map(({outputs}) => outputs[0])
      : planSplit(model, {stages}).cuts.map(({tensor}) => tensor);
  return ends.map((end) => {
    const readers = [graph.producer.get(end.id), ...(graph.consumers.get(end.id) ?? [])];
    const call = readers.find((reader) => reader?.layer instanceof ProjectionBoundary);
    const tensor = call?.inputs[0] ?? end;
    const boundary = (call?.layer as ProjectionBoundary | undefined) ?? null;
    const name = tensor.sourceLayer.name;
    return {name: boundary ? `${name}, at ${boundary.name}` : name, tensor, boundary};
  });
}

async function ownBoundary(
  boundary: ProjectionBoundary,
  before: ProjectionBoundary[],
  {statistics, width}: ActivationProfile,
): Promise<OwnBoundary> {
  const {rank} = boundary;
  const projector = (await boundary.projector.read().data()) as Float32Array;
  const anchors = anchorRows(boundary.senderAnchors, statistics.sums.ids, width);
  const gram = await statistics.gramLess(anchors);
  anchors.dispose();
  const angles: number[] = [];
  for (const other of before) {
    const own = await principalAngles(other.projector.read(), boundary.projector.read());
    angles.push(own.reduce((sum, angle) => sum + angle, 0) / own.length);
  }
  return {
    rank,
    capturedEnergy: energyInside(gram, projector, width, rank) / trace(gram, width),
    restored: await restoredShare(statistics, boundary, projector),
    angles,
  };
}

/** `inspect --energy`: which rank keeps how much of the activations, at each place where the model could be cut. */
export async function inspectEnergy(given: string, options: InspectEnergyOptions): Promise<void> {
  const log = (line: string) => console.error(line);
  const opened = await openWithText(given, options, log);
  const {model, config, tokenizer, folder, data, context, documents} = opened;
  // Held-out text of the run, unless text was named: what was trained on looks simpler than it is.
  const shares = options.text
    ? {validation: 0, test: 0}
    : {validation: data.validationShare, test: data.testShare};
  const parts = splitDocuments(documents, shares, data.splitSeed);
  const tokens = await encodeDocuments(
    parts[shares.validation ? 'validation' : 'train'],
    tokenizer,
  );
  const wanted = options.tokens ?? TOKENS_A_DIMENSION * config.hidden_size;
  // At least two batches: one for anchors, one to measure.
  const least = Math.min(BATCH_TOKENS, wanted / 2, (tokens.length - 1) / 2);
  const rows = Math.max(1, Math.floor(least / context));
  const count = Math.max(2, Math.ceil(wanted / (rows * context)));
  const chosen = evaluationBatches(tokens, rows, context, count);
  if (chosen.length < 2) {
    throw new Error(
      `The text has ${tokens.length} tokens, --energy needs ${2 * context + 1} or more for sequences of ` +
        `${context}: give more --text or a shorter --context.`,
    );
  }
  const batches = chosen.map(({ids, shape}) => tf.tensor2d(ids, shape, 'int32'));
  const found: CutEnergy[] = [];
  const before: ProjectionBoundary[] = [];
  try {
    for (const {name, tensor, boundary} of places(model, options.stages)) {
      const profile = await energyProfile(model, tensor, batches);
      const own = boundary ? await ownBoundary(boundary, before, profile) : null;
      if (boundary) before.push(boundary);
      found.push({name, profile, own});
    }
  } finally {
    tf.dispose(batches);
    model.dispose();
  }
  if (options.json) {
    console.log(JSON.stringify({folder, context, cuts: found.map(energyJson)}, null, 2));
    return;
  }
  const {tokens: measured, width} = found[0].profile;
  console.log(
    `${folder}: activations of ${formatCount(measured)} tokens (context ${context}), d = ${width}; ` +
      'anchors are the means by token of as many others. "Less anchors" is of what they leave; "with anchors" of the whole.',
  );
  if (measured < 4 * width) {
    console.log(
      `Only ${measured} tokens for ${width} dimensions: ranks look smaller than they are. Give more --text or --tokens.`,
    );
  }
  console.log(terminalTable(rankTable(found)));
  console.log(terminalTable(keptTable(found)));
  if (before.length) console.log(terminalTable(ownTable(found)));
}
