/** What anchors are made with. */
import {checkSeed} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {layerKeys, type LayerArgs} from './layer_types.js';

/** Arguments of `AnchorEmbedding`. */
export interface AnchorEmbeddingArgs extends LayerArgs {
  /** Rows `V` of the table. */
  vocabSize: number;
  /** Width `a` of the table, 1 to `units`; not needed without a basis. */
  anchorRank?: number;
  /** `false`: the table `[V, units]` is the anchors itself, there is no basis. Default `true`. */
  factorised?: boolean;
  /** Width `d` of the anchors. A `ProjectionBoundary` fills it in; the layer applied alone needs it. */
  units?: number;
  /**
   * Standard deviation of the table's initial values; 0 (the default) starts the boundary as the plain projection
   * (inferred: the paper does not say). With `trainable: false` the table is a fixed random offset a token.
   */
  initializerRange?: number;
  /** Seed of basis and table. Default: derived from the layer's name. */
  seed?: number;
}

const KEYS = layerKeys<AnchorEmbeddingArgs>({
  vocabSize: true,
  anchorRank: true,
  factorised: true,
  units: true,
  initializerRange: true,
  seed: true,
});

/**
 * Throws if the arguments of anchors are missing, have a key that they do not know, or a seed of the wrong type.
 *
 * @param where The function called, or `new AnchorEmbedding`.
 * @param open Whether a subclass may have keys of its own.
 */
export function checkAnchorArgs(
  where: string,
  args: AnchorEmbeddingArgs,
  open = false,
): AnchorEmbeddingArgs {
  const label = where.replace('new ', '');
  const example = `${where}({vocabSize: 2048, anchorRank: 32, units: 128})`;
  const given = checkLayerArgs(label, args, example, open ? null : KEYS);
  if (given.seed != null) checkSeed(label, given.seed);
  return given;
}
