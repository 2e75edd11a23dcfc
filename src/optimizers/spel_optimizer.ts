import * as tf from '@tensorflow/tfjs-core';
import {stiefel} from '../manifolds/stiefel.js';
import {checkOptions} from '../ops/check_options.js';
import {checkNumber} from '../ops/check_values.js';
import {polarFactor} from '../ops/polar_factor.js';
import {NamedOptimizer, type StepContext} from './named_optimizer.js';
import {polarFactorNear} from './near_stiefel.js';
import type {LearningRate} from './schedules.js';

/** Options of `train.spel`. */
export interface SpelOptions {
  /** Step α: the largest rotation of a step is arctan α. Default 0.002 (published: a tenth of the main rate of 0.02). */
  learningRate?: LearningRate;
  /** β of the momentum. Default 0.95 (inferred: the default of Muon and of NVIDIA's SPEL). */
  momentum?: number;
  /** Global norm to clip gradients to. Default: none; the length of a step does not depend on the gradient's anyway. */
  clipNorm?: number | null;
}

/**
 * SPEL: spectral steepest descent on the Stiefel manifold (arXiv 2601.21487), as MAPL updates its projectors (method.md
 * section 6). For each variable `A [d, r]`, `AᵀA = I`, with Euclidean gradient `g`:
 *
 *     gR ← g − A sym(Aᵀg)                   (published)
 *     m  ← β m + (1 − β) gR                 (published)
 *     m  ← m − A sym(Aᵀm)                   (ours: the momentum is projected again at the current point)
 *     A  ← polar(A − α polar(m))            (published)
 *
 * Projection is linear and idempotent, so the first three lines are done as one projection of `β m + (1 − β) g`. All of it
 * is float32. The inner `polar` is the `PolarFactor` kernel, the outer one Newton–Schulz without normalisation
 * (`polarFactorNear`); `‖AᵀA − I‖` stays at float32 rounding however many steps are taken. A variable that is not on the
 * manifold at its first update is brought there (its polar factor) before it.
 *
 * For: projectors and other matrices whose *columns' span* matters. Needs the whole gradient: of a projector both halves,
 * sender's and receiver's. Not for ordinary weights. State: `<variable>/momentum`.
 */
export class SpelOptimizer extends NamedOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'Spel';
  }
  readonly momentum: number;

  constructor(options: SpelOptions = {}) {
    const known = ['learningRate', 'momentum', 'clipNorm'];
    checkOptions('train.spel', options, 'train.spel({learningRate: 0.002})', known);
    super(options.learningRate ?? 2e-3, options.clipNorm);
    this.momentum = checkNumber('train.spel', 'momentum', options.momentum ?? 0.95, 0, 1);
  }

  protected override checkVariable(variable: tf.Variable): void {
    const shapeError =
      variable.rank === 2 ? stiefel.shapeError(variable.shape) : 'expected shape [d, r]';
    if (shapeError != null) {
      throw new Error(
        `train.spel: variable '${variable.name}' [${variable.shape}] cannot be on the Stiefel manifold: ${shapeError}.`,
      );
    }
  }

  protected override updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    {learningRate}: StepContext,
  ): void {
    const isFirst = !this.state.has(variable, 'momentum');
    const momentum = this.state.get(variable, 'momentum');
    const point = (isFirst ? polarFactor(variable) : variable) as tf.Tensor2D;
    const ambient = tf.add(tf.mul(momentum, this.momentum), tf.mul(gradient, 1 - this.momentum));
    const tangent = stiefel.proju(point, ambient);
    const direction = polarFactor(tangent) as tf.Tensor2D;
    momentum.assign(tangent);
    const ahead = tf.sub(point, tf.mul(direction, learningRate)) as tf.Tensor2D;
    variable.assign(polarFactorNear(ahead, learningRate));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {...super.getConfig(), momentum: this.momentum};
  }
}
tf.serialization.registerClass(SpelOptimizer);
