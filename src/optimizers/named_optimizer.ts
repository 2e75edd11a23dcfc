/** What all optimizers here share: variables by name, schedules, clipping, saving and loading. */
import * as tf from '@tensorflow/tfjs-core';
import {requireOptions} from '../ops/check_options.js';
import {
  checkInteger,
  checkList,
  checkPositive,
  checkTensor,
  checkText,
} from '../ops/check_values.js';
import {clipFactor, clipFactorTensor, gradientEntries, type Gradients} from './clipping.js';
import {savedOptions} from './saved_options.js';
import {
  checkLearningRate,
  deserializeLearningRate,
  learningRateAt,
  serializeLearningRate,
  type LearningRate,
} from './schedules.js';
import {VariableState, type NamedTensor} from './variable_state.js';

/** Second argument of `applyGradients`. */
export interface ApplyOptions {
  /**
   * The norm of *all* gradients of the model, for clipping when this process holds only a stage of it: `√Σ sumOfSquares` over
   * the stages. Without it `clipNorm` acts on the gradients given. Not used where the optimizer has no `clipNorm`.
   */
  globalNorm?: number;
}

/** A variable and the gradient it gets in this step. */
export interface VariableUpdate {
  variable: tf.Variable;
  gradient: tf.Tensor;
}

/** What is the same for all variables of an update. */
export interface StepContext {
  /** Updates done before this one. */
  step: number;
  /** The learning rate of this step. */
  learningRate: number;
}

/**
 * Base of the optimizers of this package: a `tf.Optimizer` for `model.compile`, `minimize` and `applyGradients`, whose state is
 * keyed by variable name. A subclass says how one variable is updated, and adds its options to `getConfig`.
 */
export abstract class NamedOptimizer extends tf.Optimizer {
  /** A number or a schedule; may be replaced at any time. */
  learningRate: LearningRate;
  /** Gradients are scaled down to this global norm; null for none. A pipeline passes the norm, see `ApplyOptions`. */
  clipNorm: number | null;
  protected state = new VariableState();

  constructor(learningRate: LearningRate, clipNorm: number | null = null) {
    super();
    this.learningRate = checkLearningRate(this.getClassName(), 'learningRate', learningRate);
    this.clipNorm = clipNorm;
    if (clipNorm != null) {
      checkPositive(this.getClassName(), 'clipNorm', clipNorm);
    }
    this.iterations_ = 0;
  }

  /** tf.Optimizer answers `instanceof` by duck typing for all its subclasses; here it means the class again. */
  static override [Symbol.hasInstance](instance: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(this, instance);
  }

  /** The learning rate of the next update. */
  get currentLearningRate(): number {
    return learningRateAt(this.learningRate, this.iterations);
  }

  /** Sets the number of updates done, for instance to place a schedule on resuming. */
  setIterations(iterations: number): void {
    this.iterations_ = checkInteger(this.getClassName(), 'iterations', iterations, 0);
  }

  /**
   * Updates the variables named by `gradients` in place, and counts one iteration. Variables are looked up by name among tfjs's
   * registered variables. The gradients stay the caller's.
   *
   * @throws If a name is not a registered variable, a gradient has another shape than its variable or, at the first
   *     step, a variable gets no gradient: the loss does not depend on it. Nothing is updated then.
   */
  applyGradients(gradients: Gradients, options: ApplyOptions = {}): void {
    requireOptions(`${this.getClassName()}.applyGradients`, options, '{globalNorm: 1.5}');
    tf.tidy(() => {
      const updates = this.collect(gradients);
      this.check(updates);
      const clipped = this.clip(updates, gradients, options.globalNorm);
      this.update(clipped, this.iterations, 1);
    });
    this.state.endRestore();
    this.incrementIterations();
  }

  /** Applies one step to all of `updates`. For `train.groups`; call `applyGradients` instead. */
  update(updates: VariableUpdate[], step: number, learningRateScale: number): void {
    const learningRate = learningRateAt(this.learningRate, step) * learningRateScale;
    for (const {variable, gradient} of updates) {
      tf.tidy(() => this.updateVariable(variable, gradient, {step, learningRate}));
    }
  }

  /** Throws if one of the variables cannot be trained by this optimizer. Runs before anything is updated. */
  check(updates: VariableUpdate[]): void {
    for (const {variable} of updates) {
      this.checkVariable(variable);
    }
  }

  /** Makes this optimizer keep its state in `state`. For `train.groups`. */
  shareState(state: VariableState): void {
    this.state.dispose();
    this.state = state;
  }

  /** Throws, naming the variable, if this optimizer cannot train it. */
  protected checkVariable(_variable: tf.Variable): void {}

  /** Assigns new values to one variable and its state, inside a `tidy`. */
  protected abstract updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    context: StepContext,
  ): void;

  /** `iter` first, then `<variable>/<slot>` sorted by name. Only `iter` is the caller's to dispose of. */
  override async getWeights(): Promise<NamedTensor[]> {
    return [await this.saveIterations(), ...this.state.entries()];
  }

  /** Loads what `getWeights` gave; entries for variables that never come up are dropped at the next step. */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const where = `${this.getClassName()}.setWeights`;
    checkList(where, 'weights', weights, 'a list of {name, tensor}, as getWeights() gives it');
    for (const [i, entry] of weights.entries()) {
      checkText(where, `name of weights[${i}]`, entry?.name, `a text such as 'iter'`);
      checkTensor(where, `weights[${i}]`, entry.tensor);
    }
    const [iterations] = weights;
    if (iterations == null || iterations.name !== 'iter' || iterations.tensor.size !== 1) {
      throw new Error(
        `${where}: expected the scalar 'iter' first, as getWeights() gives it, ` +
          `got ${iterations == null ? 'an empty list' : `'${iterations.name}'`}.`,
      );
    }
    const rest = await this.extractIterations(weights);
    this.state.load(rest);
  }

  override dispose(): void {
    this.state.dispose();
  }

  /** The options that make the same optimizer again; a subclass adds its own. */
  getConfig(): tf.serialization.ConfigDict {
    return {
      learningRate: serializeLearningRate(this.learningRate),
      clipNorm: this.clipNorm,
    };
  }

  /**
   * For subclasses whose constructor takes one object of options.
   * @nocollapse
   */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls({
      ...savedOptions(config),
      learningRate: deserializeLearningRate(config.learningRate),
    });
  }

  private collect(gradients: Gradients): VariableUpdate[] {
    const where = `${this.getClassName()}.applyGradients`;
    const entries = gradientEntries(where, gradients);
    const missing = entries.filter(([, gradient]) => gradient == null).map(([name]) => name);
    if (missing.length > 0 && this.iterations === 0) refuseMissing(where, missing);
    const registered = tf.engine().registeredVariables;
    return entries
      .filter(([, gradient]) => gradient != null)
      .map(([name, gradient]) => {
        const variable = registered[name];
        if (variable == null) {
          throw new Error(
            `${where}: there is no variable named '${name}'. Was its model disposed?`,
          );
        }
        if (!tf.util.arraysEqual(variable.shape, gradient.shape)) {
          throw new Error(
            `${where}: the gradient of '${name}' has shape [${gradient.shape}], the variable [${variable.shape}].`,
          );
        }
        return {variable, gradient};
      });
  }

  private clip(updates: VariableUpdate[], gradients: Gradients, norm?: number): VariableUpdate[] {
    if (this.clipNorm == null) {
      return updates;
    }
    const factor =
      norm == null ? clipFactorTensor(this.clipNorm, gradients) : clipFactor(this.clipNorm, norm);
    return factor === 1
      ? updates
      : updates.map(({variable, gradient}) => ({variable, gradient: tf.mul(gradient, factor)}));
  }
}

/** Throws because the variables of these names have no gradient at the first step. */
export function refuseMissing(where: string, names: string[]): never {
  throw new Error(
    `${where}: no gradient for ${names.map((name) => `'${name}'`).join(', ')} at the first step. ` +
      `The loss does not depend on it: connect it, or make it not trainable.`,
  );
}
