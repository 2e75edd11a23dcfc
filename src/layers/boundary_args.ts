/** What a boundary is made with. */
import type {AnchorsArg} from './boundary_anchors.js';
import type {QuantizerArg} from './boundary_quantizer.js';
import {checkBoolean, checkSeed} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {layerKeys, type LayerArgs} from './layer_types.js';

/** Arguments of {@link ProjectionBoundary}. */
export interface ProjectionBoundaryArgs extends LayerArgs {
  /** Width `r` of what crosses, an integer from 1 to the width `d` of the activations. */
  rank: number;
  /** Number of token ids `V`. */
  vocabSize: number;
  /** Width `a` of the anchor tables made here, 1 to `d`; default `rank` (published). */
  anchorRank?: number;
  /** Width `d`; default: that of the first activations. */
  units?: number;
  /**
   * Seed of projector and anchors. Default: projectors of one size all start as the same matrix (ours), which suits residual
   * streams, where what one boundary lets through meets the next; anchors are seeded by their name.
   */
  seed?: number;
  /** `false` freezes the projector (the paper's fixed orthogonal control). Default `true`. */
  trainableProjector?: boolean;
  /**
   * `false` lets an optimizer move the projector off the Stiefel manifold (the paper's control "learned by Muon, no
   * constraint"): the weight is then `<name>/unconstrained_projector`, which `train.mapl` gives to Muon. Default `true`.
   */
  constrained?: boolean;
  /** `'none'` leaves the anchors out: `x̂ = x A Aᵀ`. Default `'factorised'`. */
  anchors?: 'factorised' | 'none';
  /** Anchors of the sending stage: `previous.receiverAnchors` shares them with the boundary at that stage's input. */
  senderAnchors?: AnchorsArg;
  /** Anchors of the receiving stage. */
  receiverAnchors?: AnchorsArg;
  /**
   * Quantises `z` before it is decoded (MAPL+VQ): a {@link ResidualVectorQuantizer}, its config, or its arguments such as
   * `{groups: 8, rounds: 2, codes: 256}`. Its default name is `<name>.quantizer`. Default: none.
   */
  quantizer?: QuantizerArg;
}

const KEYS = layerKeys<ProjectionBoundaryArgs>({
  rank: true,
  vocabSize: true,
  anchorRank: true,
  units: true,
  seed: true,
  trainableProjector: true,
  constrained: true,
  anchors: true,
  senderAnchors: true,
  receiverAnchors: true,
  quantizer: true,
});

/**
 * Throws if the arguments of a boundary are missing, have a key that it does not know, or a seed or switch of the wrong type.
 *
 * @param where The function called, or `new ProjectionBoundary`.
 * @param open Whether a subclass may have keys of its own.
 */
export function checkBoundaryArgs(
  where: string,
  args: ProjectionBoundaryArgs,
  open = false,
): ProjectionBoundaryArgs {
  const label = where.replace('new ', '');
  const example = `${where}({rank: 32, vocabSize: 2048})`;
  const given = checkLayerArgs(label, args, example, open ? null : KEYS);
  if (given.seed != null) checkSeed(label, given.seed);
  for (const name of ['trainableProjector', 'constrained'] as const) {
    if (given[name] != null) checkBoolean(label, name, given[name]);
  }
  return given;
}

/** The kind of anchors that `args` ask for. Throws if there is no such kind, or it contradicts anchors that were given. */
export function anchorsKind(
  args: ProjectionBoundaryArgs,
): NonNullable<ProjectionBoundaryArgs['anchors']> {
  const kind = args.anchors ?? 'factorised';
  if (kind !== 'factorised' && kind !== 'none') {
    throw new Error(
      `ProjectionBoundary: anchors is ${JSON.stringify(args.anchors)}, expected 'factorised' or 'none'.`,
    );
  }
  const given = [args.senderAnchors, args.receiverAnchors];
  if (kind === 'none' && given.some((anchors) => anchors != null)) {
    throw new Error(
      `ProjectionBoundary: got anchors 'none' together with senderAnchors or receiverAnchors, expected one or the other.`,
    );
  }
  return kind;
}
