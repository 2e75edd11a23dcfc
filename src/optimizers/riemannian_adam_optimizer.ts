import * as tf from '@tensorflow/tfjs-core';
import {checkNumber} from '../ops/check_values.js';
import type {StepContext} from './named_optimizer.js';
import {RiemannianOptimizer, type RiemannianOptions} from './riemannian_optimizer.js';

/** Options of `train.riemannianAdam`. */
export interface RiemannianAdamOptions extends RiemannianOptions {
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
}

/**
 * Adam on a manifold (Bécigneul and Ganea 2019, as geoopt's `RiemannianAdam`): the second moment is one number a matrix, the
 * squared length of the Riemannian gradient, so that the direction stays tangent. For each variable `x` with gradient `g`:
 *
 *     gR ← egrad2rgrad(x, g)
 *     m  ← β₁ m + (1 − β₁) gR            v ← β₂ v + (1 − β₂) ⟨gR, gR⟩
 *     u  ← m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)
 *     x, m ← retrTransp(x, −lr u, m)
 *
 * For: variables that start on the manifold, where gradients change in size. State: `<variable>/m`, `<variable>/v`.
 */
export class RiemannianAdamOptimizer extends RiemannianOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'RiemannianAdam';
  }
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;

  constructor(options: RiemannianAdamOptions) {
    const where = 'train.riemannianAdam';
    super(where, options, ['beta1', 'beta2', 'epsilon']);
    this.beta1 = checkNumber(where, 'beta1', options.beta1 ?? 0.9, 0, 1);
    this.beta2 = checkNumber(where, 'beta2', options.beta2 ?? 0.999, 0, 1);
    this.epsilon = checkNumber(where, 'epsilon', options.epsilon ?? 1e-8);
  }

  protected override updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    {step, learningRate}: StepContext,
  ): void {
    const {manifold} = this;
    const first = this.state.get(variable, 'm');
    const second = this.state.get(variable, 'v', [...variable.shape.slice(0, -2), 1, 1]);
    const riemannian = manifold.egrad2rgrad(variable, gradient);
    const square = manifold.inner(variable, riemannian, riemannian, {keepDims: true});
    const m = tf.add(tf.mul(first, this.beta1), tf.mul(riemannian, 1 - this.beta1));
    const v = tf.add(tf.mul(second, this.beta2), tf.mul(square, 1 - this.beta2));
    const root = tf.sqrt(tf.div(v, 1 - this.beta2 ** (step + 1)));
    const stepSize = learningRate / (1 - this.beta1 ** (step + 1));
    const move = tf.mul(m, tf.div(-stepSize, tf.add(root, this.epsilon)));
    const [point, carried] = this.retractWith(variable, move, m, step);
    first.assign(carried);
    second.assign(v);
    variable.assign(point);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {beta1, beta2, epsilon} = this;
    return {...super.getConfig(), beta1, beta2, epsilon};
  }
}
tf.serialization.registerClass(RiemannianAdamOptimizer);
