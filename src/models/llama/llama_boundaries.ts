/** The boundaries of a LLaMA and their anchors. */
import * as tf from '@tensorflow/tfjs-core';
import {AnchorEmbedding} from '../../layers/anchor_embedding.js';
import type {CompressedBoundary} from '../../layers/compressed_boundary.js';
import type {LlamaEmbedding} from '../../layers/llama_embedding.js';
import {ProjectionBoundary} from '../../layers/projection_boundary.js';
import {ResidualBottleneck} from '../../layers/residual_bottleneck.js';
import {projectorSeed} from '../../layers/subspace_cache.js';
import {weightSeed} from '../../layers/weight_seed.js';
import type {ResolvedLlamaConfig, ResolvedMapl} from './llama_config.js';

/** What stands between the blocks of a model. */
export interface LlamaBoundaries {
  /** By the block they follow. */
  boundaries: Map<number, CompressedBoundary>;
  /** The static offset that the embedding adds, or null. */
  offset: AnchorEmbedding | null;
  /** Trainable anchors, one a stage. */
  tables: AnchorEmbedding[];
}

/**
 * Makes the boundaries. Each stage has one anchor table, used at its input and at its output. All projectors start as the
 * same matrix (ours; the paper does not say): blocks add to the residual stream, so that what one boundary lets through
 * meets the next one, and independent subspaces of rank r would each keep only r/d of it.
 */
export function makeBoundaries(config: ResolvedLlamaConfig): LlamaBoundaries {
  const {mapl} = config;
  const boundaries = new Map<number, CompressedBoundary>();
  if (mapl == null || mapl.stages < 2) {
    return {boundaries, offset: null, tables: []};
  }
  const anchors = makeAnchors(config, mapl);
  mapl.boundaries.forEach((after, p) => {
    boundaries.set(after, makeBoundary(config, mapl, anchors, p));
  });
  const fixed = mapl.anchors === 'static';
  return {boundaries, offset: fixed ? anchors[0] : null, tables: fixed ? [] : anchors};
}

/** Writes the token embedding, as far as it lies in the span of the basis, to the tables of anchors. */
export function startAtEmbedding(embedding: LlamaEmbedding, tables: AnchorEmbedding[]): void {
  for (const {table, basis} of tables) {
    tf.tidy(() => {
      const rows = embedding.weight.read() as tf.Tensor2D;
      table.write(basis == null ? rows : tf.matMul(rows, basis.read(), false, true));
    });
  }
}

/** One a stage. Static ones are all the same, and copied to each stage rather than shared, so that stages have no weight in common. */
function makeAnchors(config: ResolvedLlamaConfig, mapl: ResolvedMapl): AnchorEmbedding[] {
  const {vocab_size: vocabSize, hidden_size: units} = config;
  const {seed, anchors: kind} = mapl;
  if (kind === 'none') {
    return [];
  }
  const settings = {
    factorised: {anchorRank: mapl.anchorRank},
    full: {factorised: false},
    static: {factorised: false, trainable: false, initializerRange: mapl.offsetRange},
  }[kind];
  return Array.from({length: mapl.stages}, (_, stage) => {
    const name = `mapl.anchors.${stage}`;
    const own = weightSeed(seed, kind === 'static' ? 'mapl.anchors' : name);
    return new AnchorEmbedding({name, vocabSize, units, seed: own, ...settings});
  });
}

function makeBoundary(
  config: ResolvedLlamaConfig,
  mapl: ResolvedMapl,
  anchors: AnchorEmbedding[],
  p: number,
): CompressedBoundary {
  const {vocab_size: vocabSize, hidden_size: units, initializer_range: initializerRange} = config;
  const {rank, seed} = mapl;
  const name = `mapl.boundaries.${p}`;
  if (mapl.kind === 'resbm') {
    return new ResidualBottleneck({name, rank, initializerRange, seed});
  }
  const shared =
    mapl.anchors === 'none' ? {} : {senderAnchors: anchors[p], receiverAnchors: anchors[p + 1]};
  return new ProjectionBoundary({
    name,
    rank,
    vocabSize,
    units,
    anchors: mapl.anchors === 'none' ? 'none' : 'factorised',
    seed: projectorSeed(seed),
    trainableProjector: mapl.projector !== 'fixed',
    constrained: mapl.projector !== 'unconstrained',
    quantizer: mapl.quantizer,
    ...shared,
  });
}
