import * as tf from '@tensorflow/tfjs-core';
import {NamedOptimizer, type StepContext} from './named_optimizer.js';
import {checkNumber, checkOptions} from './options.js';
import {
  checkPointShape,
  RIEMANNIAN_OPTIONS,
  riemannianFromConfig,
  riemannianSettings,
  type RiemannianOptions,
  type RiemannianSettings,
} from './riemannian_options.js';
import {checkBoolean} from '../ops/check_values.js';
import {serializeLearningRate} from './schedules.js';

/** Options of `train.riemannianSgd`. */
export interface RiemannianSgdOptions extends RiemannianOptions {
  /** Default 0. */
  momentum?: number;
  /** Default false. */
  nesterov?: boolean;
}

/**
 * Gradient descent on a manifold, with momentum (geoopt's `RiemannianSGD`). For each variable `x` with Euclidean gradient `g`:
 *
 *     gR ← egrad2rgrad(x, g)
 *     m  ← momentum · m + gR
 *     x, m ← retrTransp(x, −lr (nesterov ? gR + momentum · m : m), m)
 *
 * For: variables that start on the manifold, when the length of the gradient should count (`train.spel` takes steps of
 * fixed length). State: `<variable>/momentum`, none without momentum.
 */
export class RiemannianSgdOptimizer extends NamedOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'RiemannianSgd';
  }
  readonly momentum: number;
  readonly nesterov: boolean;
  private readonly settings: RiemannianSettings;

  constructor(options: RiemannianSgdOptions) {
    const where = 'train.riemannianSgd';
    checkOptions(where, options, [...RIEMANNIAN_OPTIONS, 'momentum', 'nesterov']);
    super(options.learningRate, options.clipNorm);
    this.settings = riemannianSettings(where, options);
    this.momentum = checkNumber(where, 'momentum', options.momentum ?? 0, 0, 1);
    this.nesterov = checkBoolean(where, 'nesterov', options.nesterov ?? false);
    if (this.nesterov && this.momentum === 0) {
      throw new Error(`${where}: nesterov needs a momentum above 0.`);
    }
  }

  protected override checkVariable(variable: tf.Variable): void {
    checkPointShape('train.riemannianSgd', this.settings.manifold, variable);
  }

  protected override updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    {step, learningRate}: StepContext,
  ): void {
    const {manifold, retraction, stabilize} = this.settings;
    const riemannian = manifold.egrad2rgrad(variable, gradient);
    const isStabilized = stabilize > 0 && (step + 1) % stabilize === 0;
    const settle = (y: tf.Tensor) => (isStabilized ? manifold.projx(y) : y);
    if (this.momentum === 0) {
      const move = tf.mul(riemannian, -learningRate);
      variable.assign(settle(manifold.retr(variable, move, {retraction})));
      return;
    }
    const state = this.state.get(variable, 'momentum');
    const momentum = tf.add(tf.mul(state, this.momentum), riemannian);
    const direction = this.nesterov
      ? tf.add(riemannian, tf.mul(momentum, this.momentum))
      : momentum;
    const move = tf.mul(direction, -learningRate);
    const [moved, transported] = manifold.retrTransp(variable, move, momentum, {retraction});
    const point = settle(moved);
    state.assign(isStabilized ? manifold.proju(point, transported) : transported);
    variable.assign(point);
  }

  getConfig(): tf.serialization.ConfigDict {
    return {
      learningRate: serializeLearningRate(this.learningRate),
      momentum: this.momentum,
      nesterov: this.nesterov,
      manifold: this.settings.manifold.name,
      retraction: this.settings.retraction,
      stabilize: this.settings.stabilize,
      clipNorm: this.clipNorm,
    };
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(riemannianFromConfig(config));
  }
}
tf.serialization.registerClass(RiemannianSgdOptimizer);
