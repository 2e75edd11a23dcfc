import * as tf from '@tensorflow/tfjs-core';
import {checkBoolean, checkNumber} from '../ops/check_values.js';
import type {StepContext} from './named_optimizer.js';
import {RiemannianOptimizer, type RiemannianOptions} from './riemannian_optimizer.js';

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
export class RiemannianSgdOptimizer extends RiemannianOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'RiemannianSgd';
  }
  readonly momentum: number;
  readonly nesterov: boolean;

  constructor(options: RiemannianSgdOptions) {
    const where = 'train.riemannianSgd';
    super(where, options, ['momentum', 'nesterov']);
    this.momentum = checkNumber(where, 'momentum', options.momentum ?? 0, 0, 1);
    this.nesterov = checkBoolean(where, 'nesterov', options.nesterov ?? false);
    if (this.nesterov && this.momentum === 0) {
      throw new Error(`${where}: nesterov needs a momentum above 0.`);
    }
  }

  protected override updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    {step, learningRate}: StepContext,
  ): void {
    const {manifold, retraction} = this;
    const riemannian = manifold.egrad2rgrad(variable, gradient);
    if (this.momentum === 0) {
      const move = tf.mul(riemannian, -learningRate);
      const moved = manifold.retr(variable, move, {retraction});
      variable.assign(this.stabilizes(step) ? manifold.projx(moved) : moved);
      return;
    }
    const state = this.state.get(variable, 'momentum');
    const momentum = tf.add(tf.mul(state, this.momentum), riemannian);
    const direction = this.nesterov
      ? tf.add(riemannian, tf.mul(momentum, this.momentum))
      : momentum;
    const move = tf.mul(direction, -learningRate);
    const [point, carried] = this.retractWith(variable, move, momentum, step);
    state.assign(carried);
    variable.assign(point);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {momentum, nesterov} = this;
    return {...super.getConfig(), momentum, nesterov};
  }
}
tf.serialization.registerClass(RiemannianSgdOptimizer);
