/** What all boundaries between pipeline stages are to those who split a model. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {checkLayerArgs, classNameOf} from './check_layer_args.js';
import type {LayerArgs} from './layer_types.js';
import {SharedLayer} from './shared_layer.js';

/** Which part of a boundary a stage holds; everything for the whole model. */
export type BoundaryPart = 'all' | 'encoder' | 'decoder';

/**
 * A layer that compresses activations to {@link rank} numbers a token and expands them again, to be cut in two: `splitModel`
 * ends one stage with {@link encoder} and begins the next with {@link decoder}.
 *
 * It is applied to the activations `[batch, time, d]`, or to `[activations, ids]` with int32 ids `[batch, time]`; then both
 * halves get the ids too.
 */
export abstract class CompressedBoundary extends SharedLayer {
  constructor(args: LayerArgs) {
    const where = classNameOf(new.target);
    if (typeof (new.target as {className?: unknown}).className !== 'string') {
      throw new Error(
        `${where}: static className is missing, expected the name under which the class is registered.`,
      );
    }
    super(checkLayerArgs(where, args, `new ${where}({rank: 32})`, null));
  }

  /** How many numbers a token cross. */
  abstract readonly rank: number;

  /** The sending half: what the boundary is applied to → `z [batch, time, rank]`. */
  abstract encoder(args?: LayerArgs): tfl.layers.Layer;

  /** The receiving half: `z`, or `[z, ids]` → `[batch, time, d]`. */
  abstract decoder(args?: LayerArgs): tfl.layers.Layer;

  /** Weights that a part computes with. Those of the two halves must not overlap. */
  abstract partWeights(part: BoundaryPart): tfl.LayerVariable[];
}
