import * as tf from '@tensorflow/tfjs-core';
import {checkOptions} from '../ops/check_options.js';
import {checkNumber} from '../ops/check_values.js';
import {adamWUpdate} from './adamw_update.js';
import {NamedOptimizer, type StepContext} from './named_optimizer.js';
import type {LearningRate} from './schedules.js';

/** Options of `train.adamw`. */
export interface AdamWOptions {
  /** Default 0.001. */
  learningRate?: LearningRate;
  /** Decay of the mean of gradients, default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients, default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Decoupled: each step multiplies weights by `1 − learningRate · weightDecay`. Default 0.01. */
  weightDecay?: number;
  /** Global norm to clip gradients to. Default: none. */
  clipNorm?: number | null;
}

const KNOWN = ['learningRate', 'beta1', 'beta2', 'epsilon', 'weightDecay', 'clipNorm'];

/**
 * AdamW (Loshchilov and Hutter 2019) with the arithmetic and defaults of `torch.optim.AdamW`.
 *
 * For: embeddings, norms, biases, the output head, anchor tables; anything that is not a hidden matrix (`train.muon`) or a
 * projector (`train.spel`). Bias correction counts the updates of the optimizer, not of each variable: they differ only for a
 * variable that first gets a gradient later than the others.
 *
 * State: `<variable>/m`, `<variable>/v`.
 */
export class AdamWOptimizer extends NamedOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'AdamW';
  }
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;

  constructor(options: AdamWOptions = {}) {
    checkOptions('train.adamw', options, 'train.adamw({learningRate: 0.001})', KNOWN);
    super(options.learningRate ?? 1e-3, options.clipNorm);
    this.beta1 = checkNumber('train.adamw', 'beta1', options.beta1 ?? 0.9, 0, 1);
    this.beta2 = checkNumber('train.adamw', 'beta2', options.beta2 ?? 0.999, 0, 1);
    this.epsilon = checkNumber('train.adamw', 'epsilon', options.epsilon ?? 1e-8);
    this.weightDecay = checkNumber('train.adamw', 'weightDecay', options.weightDecay ?? 0.01);
  }

  protected override updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    {step, learningRate}: StepContext,
  ): void {
    const first = this.state.get(variable, 'm');
    const second = this.state.get(variable, 'v');
    const {beta1, beta2, epsilon, weightDecay} = this;
    const scalars = {learningRate, beta1, beta2, epsilon, weightDecay, t: step + 1};
    const [value, m, v] = adamWUpdate(variable, gradient, first, second, scalars);
    first.assign(m);
    second.assign(v);
    variable.assign(value);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      beta1: this.beta1,
      beta2: this.beta2,
      epsilon: this.epsilon,
      weightDecay: this.weightDecay,
    };
  }
}
tf.serialization.registerClass(AdamWOptimizer);
