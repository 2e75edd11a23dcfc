/** The two halves of a `ResidualBottleneck`. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {swiglu} from '../ops/swiglu.js';
import type {Kwargs, LayerArgs, LayerInputs, LayerOutputs} from './layer_types.js';
import {createWeight} from './layer_weight.js';
import {seededNormals} from './seeded_initializer.js';
import {SharedLayer} from './shared_layer.js';

/** Arguments of {@link BottleneckHalf}; `ResidualBottleneck.encoder()` and `.decoder()` give them. */
export interface BottleneckHalfArgs extends LayerArgs {
  side: 'encoder' | 'decoder';
  /** Name of the boundary, which begins the names of the weights. */
  boundary: string;
  /** Width `d` of the activations. */
  units: number;
  rank: number;
  hiddenWidth: number;
  initializerRange: number;
  seed: number;
}

/** `x I + silu(x W₁) W₂`, from `[…, d]` to `[…, r]` or back; `I` cuts off coordinates or adds zeros. */
export class BottleneckHalf extends SharedLayer {
  /** @nocollapse */
  static className = 'BottleneckHalf';
  private readonly args: BottleneckHalfArgs;
  private readonly from: number;
  private readonly to: number;
  private first: tfl.LayerVariable | null = null;
  private second: tfl.LayerVariable | null = null;

  constructor(args: BottleneckHalfArgs) {
    super(args);
    this.args = args;
    const {side, units, rank} = args;
    [this.from, this.to] = side === 'encoder' ? [units, rank] : [rank, units];
  }

  /** Builds outside tfjs' name scope, so that the weights' names do not get the layer's name in front. */
  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    this.buildFor(false);
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const width = (inputShape as tfl.Shape).at(-1);
    if (width !== this.from) {
      throw new Error(`${this.name}: got width ${width}, expected ${this.from}.`);
    }
    this.buildFor(false);
  }

  /** Creates the weights unless they exist. @param fast Skip initial values, because loaded ones follow. */
  buildFor(fast: boolean): void {
    if (this.first == null || this.second == null) {
      const {boundary, side, hiddenWidth, initializerRange, seed} = this.args;
      const [one, two] = [`${boundary}/${side}.first.weight`, `${boundary}/${side}.second.weight`];
      const start = fast
        ? null
        : seededNormals(this.from * hiddenWidth, initializerRange, seed, one);
      this.first = createWeight(one, [this.from, hiddenWidth], start, this.trainable);
      this.second = createWeight(two, [hiddenWidth, this.to], null, this.trainable);
      this._trainableWeights = this.matrices();
    }
    this.built = true;
  }

  /** The two matrices, once built. */
  matrices(): tfl.LayerVariable[] {
    return [this.first, this.second].filter((weight) => weight != null);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      const {from, to} = this;
      const flat = tf.reshape(x, [-1, from]) as tf.Tensor2D;
      const identity =
        to <= from
          ? tf.slice(flat, [0, 0], [-1, to])
          : tf.pad(flat, [
              [0, 0],
              [0, to - from],
            ]);
      const hidden = tf.matMul(flat, this.first!.read() as tf.Tensor2D);
      const active = swiglu(hidden, tf.onesLike(hidden)) as tf.Tensor2D;
      const learned = tf.matMul(active, this.second!.read() as tf.Tensor2D);
      return tf.reshape(tf.add(identity, learned), [...x.shape.slice(0, -1), to]);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape).slice(0, -1), this.to];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {side, boundary, units, rank, hiddenWidth, initializerRange, seed} = this.args;
    const own = {side, boundary, units, rank, hiddenWidth, initializerRange, seed};
    return {...super.getConfig(), ...own};
  }

  protected override disposeWeights(): number {
    const weights = this.matrices();
    weights.forEach((weight) => weight.dispose());
    return weights.length;
  }
}
tf.serialization.registerClass(BottleneckHalf);
