/** ResBM's boundary: a learned encoder and decoder beside a rectangular identity (arXiv 2604.11947). */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {checkInteger, checkNumber, checkSeed} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {type BoundaryPart, CompressedBoundary} from './compressed_boundary.js';
import {
  layerKeys,
  type Kwargs,
  type LayerArgs,
  type LayerInputs,
  type LayerOutputs,
} from './layer_types.js';
import {BottleneckHalf} from './residual_bottleneck_half.js';

/** Arguments of {@link ResidualBottleneck}. */
export interface ResidualBottleneckArgs extends LayerArgs {
  /** Width `r` of what crosses, 1 to the width `d` of the activations. */
  rank: number;
  /** Width of the hidden layers of encoder and decoder; default `rank` (inferred: about 3 % more parameters). */
  hiddenWidth?: number;
  /** Standard deviation of the first matrices' start; default 0.02. The second ones start at zero (inferred). */
  initializerRange?: number;
  /** Seed of the start; default 0. */
  seed?: number;
}

const WHERE = 'ResidualBottleneck';
const KEYS = layerKeys<ResidualBottleneckArgs>({
  rank: true,
  hiddenWidth: true,
  initializerRange: true,
  seed: true,
});

/**
 * Compresses activations to `rank` numbers a token and expands them again:
 *
 *     z = x I_{d×r} + silu(x W₁) W₂        x̂ = z I_{r×d} + silu(z V₁) V₂
 *
 * `I_{d×r}` keeps the first `r` coordinates, `I_{r×d}` puts them back among zeros. Learned encoder and decoder of two layers
 * with SiLU beside a rectangular identity, trained end to end: published; hidden widths, the start at the pure identity path
 * and the absence of biases and norms: inferred.
 *
 * Applied to activations `[batch, time, d]`. Weights: `<name>/{encoder,decoder}.{first,second}.weight`, `[in, out]`; each
 * half's belong to its stage, nothing but `z` and its gradient cross.
 */
export class ResidualBottleneck extends CompressedBoundary {
  /** @nocollapse */
  static className = 'ResidualBottleneck';
  readonly rank: number;
  readonly hiddenWidth: number;
  readonly initializerRange: number;
  readonly seed: number;
  private readonly halves = new Map<'encoder' | 'decoder', BottleneckHalf>();
  private units: number | null = null;

  constructor(args: ResidualBottleneckArgs) {
    const known = new.target === ResidualBottleneck ? KEYS : null;
    super(checkLayerArgs(WHERE, args, 'new ResidualBottleneck({rank: 32})', known));
    this.rank = checkInteger(WHERE, 'rank', args.rank, 1);
    this.hiddenWidth = checkInteger(WHERE, 'hiddenWidth', args.hiddenWidth ?? args.rank, 1);
    this.initializerRange = checkNumber(WHERE, 'initializerRange', args.initializerRange ?? 0.02);
    if (args.seed != null) checkSeed(WHERE, args.seed);
    this.seed = args.seed ?? 0;
  }

  /** Builds outside tfjs' name scope, so that the weights' names do not get the layer's twice. */
  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    if (!this.built) {
      this.build((inputs as tf.Tensor | tfl.SymbolicTensor).shape);
    }
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    if (this.built) {
      return;
    }
    const shape = inputShape as tfl.Shape;
    const d = shape?.at(-1);
    if (shape == null || Array.isArray(shape[0]) || shape.length !== 3 || d == null) {
      throw new Error(
        `ResidualBottleneck '${this.name}' got shape ${JSON.stringify(inputShape)}, expected [batch, time, width].`,
      );
    }
    if (this.rank > d) {
      throw new Error(
        `ResidualBottleneck '${this.name}': rank is ${this.rank}, expected at most the width ${d}.`,
      );
    }
    this.units = d;
    for (const side of ['encoder', 'decoder'] as const) {
      const half = this.half(side);
      half.buildFor(this.fastInit);
      half.retain();
    }
    this._trainableWeights = this.partWeights('all');
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      return this.half('decoder').call(this.half('encoder').call(inputs, {}), {});
    });
  }

  /** The sending half, with this boundary's weights: `[batch, time, d]` → `z [batch, time, r]`. */
  encoder(): BottleneckHalf {
    return this.half('encoder');
  }

  /** The receiving half, with this boundary's weights: `z [batch, time, r]` → `[batch, time, d]`. */
  decoder(): BottleneckHalf {
    return this.half('decoder');
  }

  partWeights(part: BoundaryPart): tfl.LayerVariable[] {
    const sides = part === 'all' ? (['encoder', 'decoder'] as const) : [part];
    return sides.flatMap((side) => this.half(side).matrices());
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {rank, hiddenWidth, initializerRange, seed} = this;
    return {...super.getConfig(), rank, hiddenWidth, initializerRange, seed};
  }

  /** The halves' weights go with the last of boundary and stages. */
  protected override disposeWeights(): number {
    let count = 0;
    for (const half of this.halves.values()) {
      count += half.dispose().numDisposedVariables;
    }
    return count;
  }

  /** One instance a side, so that a stage has the weights of the whole model. */
  private half(side: 'encoder' | 'decoder'): BottleneckHalf {
    let half = this.halves.get(side);
    if (half == null) {
      if (this.units == null) {
        throw new Error(
          `ResidualBottleneck '${this.name}' has no ${side} yet: apply it first, so that the width is known.`,
        );
      }
      half = new BottleneckHalf({
        name: `${this.name}.${side}`,
        side,
        boundary: this.name,
        units: this.units,
        rank: this.rank,
        hiddenWidth: this.hiddenWidth,
        initializerRange: this.initializerRange,
        seed: this.seed,
        trainable: this.trainable,
      });
      this.halves.set(side, half);
    }
    return half;
  }
}
tf.serialization.registerClass(ResidualBottleneck);
