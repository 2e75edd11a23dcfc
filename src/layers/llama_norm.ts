/** RMSNorm as a layer of its own: the last normalisation of a LLaMA. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {blockOps} from './block_ops.js';
import {checkNumber} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {layerKeys, type Kwargs, type LayerArgs} from './layer_types.js';

/** Arguments of {@link LlamaNorm}. */
export interface LlamaNormArgs extends LayerArgs {
  /** Added to the mean square. */
  epsilon: number;
}

const KEYS = layerKeys<LlamaNormArgs>({epsilon: true});

/** `x / sqrt(mean(x²) + ε) · weight` over the last axis; weight `<name>/weight [d]`, ones at the start. */
export class LlamaNorm extends tfl.layers.Layer {
  /** @nocollapse */
  static className = 'LlamaNorm';
  readonly epsilon: number;
  private weight!: tfl.LayerVariable;

  constructor(args: LlamaNormArgs) {
    super(checkLayerArgs('LlamaNorm', args, 'new LlamaNorm({epsilon: 1e-5})', KEYS));
    this.epsilon = checkNumber('LlamaNorm', 'epsilon', args.epsilon);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const width = (inputShape as tfl.Shape).at(-1) as number;
    this.weight = this.addWeight('weight', [width], 'float32', tfl.initializers.ones());
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      const ops = blockOps();
      const rows = ops.reshape<tf.Rank.R2>(x, [-1, x.shape.at(-1) as number]);
      return ops.reshape(ops.norm(rows, this.weight.read(), this.epsilon), x.shape);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {...super.getConfig(), epsilon: this.epsilon};
  }
}
tf.serialization.registerClass(LlamaNorm);
