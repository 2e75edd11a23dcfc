/** What the Riemannian optimizers share: which manifold, which retraction, how often points are tidied up. */
import type * as tf from '@tensorflow/tfjs-core';
import type {Manifold} from '../manifolds/manifold.js';
import {stiefel} from '../manifolds/stiefel.js';
import {checkOptions} from '../ops/check_options.js';
import {checkInteger, checkMembers, refuseValue} from '../ops/check_values.js';
import {NamedOptimizer} from './named_optimizer.js';
import type {LearningRate} from './schedules.js';

/** Options common to `train.riemannianSgd` and `train.riemannianAdam`. */
export interface RiemannianOptions {
  learningRate: LearningRate;
  /** Default `stiefel`. */
  manifold?: Manifold;
  /** Name of a retraction of the manifold: for `stiefel` `polar` (default), `qr` or `cayley`. */
  retraction?: string;
  /** Every so many updates points and momenta are projected back, against slow drift; 0 for never. Default 100 (ours). */
  stabilize?: number;
  /** Global norm to clip the Euclidean gradients to. Default: none. */
  clipNorm?: number | null;
}

const KNOWN = ['learningRate', 'manifold', 'retraction', 'stabilize', 'clipNorm'];

/** What a manifold must have. */
const METHODS = ['shapeError', 'egrad2rgrad', 'retr', 'retrTransp', 'projx', 'proju', 'inner'];

/** Manifolds that can be named in a saved configuration. */
const manifolds: Record<string, Manifold> = {stiefel};

/** Base of the optimizers that move points along a manifold. */
export abstract class RiemannianOptimizer extends NamedOptimizer {
  protected readonly manifold: Manifold;
  protected readonly retraction: string;
  protected readonly stabilize: number;

  /**
   * @param where The function that makes the optimizer, for messages.
   * @param own Options of the subclass, which it checks itself.
   */
  constructor(
    private readonly where: string,
    options: RiemannianOptions,
    own: readonly string[],
  ) {
    checkOptions(where, options, `${where}({learningRate: 0.01})`, [...KNOWN, ...own]);
    super(options.learningRate, options.clipNorm);
    const {manifold = stiefel, retraction = 'polar', stabilize = 100} = options;
    checkMembers(where, 'manifold', manifold, METHODS, 'a manifold such as stiefel');
    const {retractions} = manifold;
    if (retractions != null && !retractions.includes(retraction)) {
      refuseValue(where, 'retraction', retraction, `one of ${retractions.join(', ')}`);
    }
    this.manifold = manifold;
    this.retraction = retraction;
    this.stabilize = checkInteger(where, 'stabilize', stabilize, 0);
  }

  protected override checkVariable(variable: tf.Variable): void {
    const {where, manifold} = this;
    const shapeError = manifold.shapeError(variable.shape);
    if (shapeError != null) {
      throw new Error(
        `${where}: variable '${variable.name}' cannot be a point of ${manifold.name}: ${shapeError}.`,
      );
    }
  }

  /** Whether the update after `step` others is one after which points are projected back. */
  protected stabilizes(step: number): boolean {
    return this.stabilize > 0 && (step + 1) % this.stabilize === 0;
  }

  /** The point that `move` leads to from `x`, and `momentum` carried there; both projected back where it is time. */
  protected retractWith(
    x: tf.Tensor,
    move: tf.Tensor,
    momentum: tf.Tensor,
    step: number,
  ): [tf.Tensor, tf.Tensor] {
    const {manifold, retraction} = this;
    const [moved, transported] = manifold.retrTransp(x, move, momentum, {retraction});
    if (!this.stabilizes(step)) {
      return [moved, transported];
    }
    const point = manifold.projx(moved);
    return [point, manifold.proju(point, transported)];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      manifold: this.manifold.name,
      retraction: this.retraction,
      stabilize: this.stabilize,
    };
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const manifold = manifolds[config.manifold as string];
    if (manifold == null) {
      throw new Error(
        `manifold '${String(config.manifold)}' is not known, expected one of ${Object.keys(manifolds).join(', ')}.`,
      );
    }
    const withManifold = {...config, manifold: manifold as unknown as tf.serialization.ConfigDict};
    return super.fromConfig(cls, withManifold);
  }
}
