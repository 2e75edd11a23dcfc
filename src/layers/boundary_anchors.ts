/** How a boundary comes by its anchors: given, made from a config, made anew, or found again after loading. */
import {refuseValue} from '../ops/check_values.js';
import {AnchorEmbedding} from './anchor_embedding.js';
import {connectedAnchors} from './connected_anchors.js';
import type {LayerInputs} from './layer_types.js';
import {weightSeed} from './weight_seed.js';

/** Anchors as a layer to share, or as the config of one (what `getConfig` gives). */
export type AnchorsArg = AnchorEmbedding | {className: string; config: object};

/** What the anchors of a boundary must fit, and what new ones are made from. */
export interface AnchorsOwner {
  name: string;
  vocabSize: number;
  anchorRank: number;
  seed?: number;
  trainable: boolean;
}

/**
 * The anchors of one side of a boundary.
 *
 * @param arg Those to share, or their config; new ones are made where it is missing.
 * @throws If what is given is no anchors, or anchors of another vocabulary.
 */
export function makeAnchors(
  arg: AnchorsArg | undefined,
  role: 'sender' | 'receiver',
  owner: AnchorsOwner,
): AnchorEmbedding {
  const {name, vocabSize, anchorRank, trainable} = owner;
  if (arg instanceof AnchorEmbedding) {
    if (arg.vocabSize !== vocabSize) {
      throw new Error(
        `ProjectionBoundary '${name}': ${role}Anchors have vocabSize ${arg.vocabSize}, expected ${vocabSize}.`,
      );
    }
    return arg;
  }
  if (arg != null) {
    if (typeof arg !== 'object' || typeof arg.config !== 'object' || arg.config === null) {
      const mend = "an AnchorEmbedding such as another boundary's receiverAnchors, or its config";
      refuseValue(`ProjectionBoundary '${name}'`, `${role}Anchors`, arg, mend);
    }
    return new AnchorEmbedding(arg.config as ConstructorParameters<typeof AnchorEmbedding>[0]);
  }
  const seed = owner.seed == null ? undefined : weightSeed(owner.seed, role);
  return new AnchorEmbedding({
    name: `${name}.${role}_anchors`,
    vocabSize,
    anchorRank,
    seed,
    trainable,
  });
}

/**
 * After deserialisation: for each of `own` the anchors of its name that a layer of the graph of `inputs` has, or itself.
 *
 * @param label Name of the boundary, for messages.
 * @throws If anchors of the same name have other sizes.
 */
export function linkAnchors<T extends AnchorEmbedding | null>(
  own: readonly T[],
  inputs: LayerInputs,
  label: string,
): Array<T | AnchorEmbedding> {
  const found = new Map(connectedAnchors(inputs).map((anchors) => [anchors.name, anchors]));
  return own.map((mine) => {
    const other = mine == null ? undefined : found.get(mine.name);
    if (mine == null || other == null) {
      return mine;
    }
    if (other.vocabSize !== mine.vocabSize || other.anchorRank !== mine.anchorRank) {
      throw new Error(
        `${label}: anchors '${mine.name}' are [${mine.vocabSize}, ${mine.anchorRank}] here and ` +
          `[${other.vocabSize}, ${other.anchorRank}] in another layer, expected the same: give different anchors different names.`,
      );
    }
    return other;
  });
}
