import * as tf from '@tensorflow/tfjs-core';
import '../gradients/muon_update_grad.js';
import '../kernels/composed/muon_update.js';
import {runKernel} from '../kernels/ensure_kernel.js';
import {MuonUpdate} from '../kernels/kernel_names.js';
import {checkOptions} from '../ops/check_options.js';
import {checkBoolean, checkInteger, checkNumber} from '../ops/check_values.js';
import {polarFactor} from '../ops/polar_factor.js';
import {NamedOptimizer, type StepContext, type VariableUpdate} from './named_optimizer.js';
import {learningRateAt, type LearningRate} from './schedules.js';

/** Options of `train.muon`. */
export interface MuonOptions {
  /** Default 0.02 (published for MAPL's 150M and 500M models). */
  learningRate?: LearningRate;
  /** β of the momentum. Default 0.95 (inferred). */
  momentum?: number;
  /** Looks ahead along the momentum. Default true. */
  nesterov?: boolean;
  /** Decoupled: each step multiplies weights by `1 − learningRate · weightDecay`. Default 0. */
  weightDecay?: number;
  /**
   * Polar Express steps. Default 5: every singular value of the update that was at least a hundredth of the largest ends within
   * some 12 % of 1, which is all Muon needs; 8 make it exact to 1e-3.
   */
  steps?: number;
  /** Global norm to clip gradients to. Default: none; the length of a step does not depend on the gradient's anyway. */
  clipNorm?: number | null;
}

/**
 * Muon (Jordan et al. 2024): momentum whose singular values are all brought to about 1, so that rare directions move as
 * far as common ones. For each matrix `W [in, out]` with gradient `g`:
 *
 *     m ← β m + (1 − β) g
 *     u ← β m + (1 − β) g   (nesterov; else u ← m)
 *     W ← W (1 − lr·decay) − lr √max(1, out/in) · orthogonalise(u)
 *
 * as `torch.optim.Muon` with its `original` adjustment: `√max(1, rows/cols)` of torch's `[out, in]` weights is
 * `√max(1, out/in)` of tfjs's `[in, out]` kernels. `orthogonalise` is the `PolarFactor` kernel stopped
 * after `steps` Polar Express steps (arXiv 2505.16932), in float32.
 *
 * For: the hidden matrices of a network, of rank 2. Not for embeddings, the output head, norms, biases (`train.adamw`) nor
 * for projectors (`train.spel`). Convolution kernels are refused: reshape them in the model if you must.
 *
 * State: `<variable>/momentum`.
 */
export class MuonOptimizer extends NamedOptimizer {
  /** @nocollapse */
  static get className(): string {
    return 'Muon';
  }
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly steps: number;

  constructor(options: MuonOptions = {}) {
    const known = ['learningRate', 'momentum', 'nesterov', 'weightDecay', 'steps', 'clipNorm'];
    checkOptions('train.muon', options, 'train.muon({learningRate: 0.02})', known);
    super(options.learningRate ?? 0.02, options.clipNorm);
    this.momentum = checkNumber('train.muon', 'momentum', options.momentum ?? 0.95, 0, 1);
    this.nesterov = checkBoolean('train.muon', 'nesterov', options.nesterov ?? true);
    this.weightDecay = checkNumber('train.muon', 'weightDecay', options.weightDecay ?? 0);
    this.steps = checkInteger('train.muon', 'steps', options.steps ?? 5, 1);
  }

  protected override checkVariable(variable: tf.Variable): void {
    if (variable.rank !== 2) {
      throw new Error(
        `train.muon: variable '${variable.name}' has shape [${variable.shape}], expected a matrix [in, out]. ` +
          `Train it with train.adamw, for instance in another group of train.groups.`,
      );
    }
  }

  /**
   * Matrices of one layer and shape (query, key, value and output; gate, up and down) go through `PolarFactor` as one
   * batch, which halves the time at width 128. Never those of several layers: a batch must not depend on how a model was
   * split into stages, for the split model to get the same bits as the whole.
   */
  override update(updates: VariableUpdate[], step: number, learningRateScale: number): void {
    const learningRate = learningRateAt(this.learningRate, step) * learningRateScale;
    for (const batch of batchByLayer(updates)) {
      tf.tidy(() => this.updateBatch(batch, learningRate));
    }
  }

  protected override updateVariable(
    variable: tf.Variable,
    gradient: tf.Tensor,
    {learningRate}: StepContext,
  ): void {
    this.updateBatch([{variable, gradient}], learningRate);
  }

  private updateBatch(batch: VariableUpdate[], learningRate: number): void {
    const ahead = batch.map((update) => asTall(this.accumulate(update)));
    const options = {steps: this.steps, finishing: 0};
    const directions =
      batch.length === 1
        ? [polarFactor(ahead[0], options)]
        : tf.unstack(polarFactor(tf.stack(ahead), options));
    const decay = learningRate * this.weightDecay;
    batch.forEach(({variable}, i) => {
      const [rows, columns] = variable.shape;
      const stepSize = learningRate * Math.sqrt(Math.max(1, columns / rows));
      const direction = rows < columns ? tf.transpose(directions[i]) : directions[i];
      const decayed = decay === 0 ? variable : tf.mul(variable, 1 - decay);
      variable.assign(tf.sub(decayed, tf.mul(direction, stepSize)));
    });
  }

  /** Takes the gradient into the momentum and returns what is to be orthogonalised. */
  private accumulate({variable, gradient}: VariableUpdate): tf.Tensor {
    const momentum = this.state.get(variable, 'momentum');
    const attrs = {beta: this.momentum, nesterov: this.nesterov};
    const [mean, direction] = runKernel<tf.Tensor[]>(MuonUpdate, {momentum, gradient}, attrs);
    momentum.assign(mean);
    return direction;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      momentum: this.momentum,
      nesterov: this.nesterov,
      weightDecay: this.weightDecay,
      steps: this.steps,
    };
  }
}
tf.serialization.registerClass(MuonOptimizer);

/** The matrix, transposed if it is wide: so that `[d, f]` and `[f, d]` can share a batch. */
function asTall(matrix: tf.Tensor): tf.Tensor {
  const [rows, columns] = matrix.shape;
  return rows < columns ? tf.transpose(matrix) : matrix;
}

/** Updates of one layer (the name up to the last `/`) and shape, whatever the order they came in. */
function batchByLayer(updates: VariableUpdate[]): VariableUpdate[][] {
  const batches = new Map<string, VariableUpdate[]>();
  const sorted = [...updates].sort((a, b) => (a.variable.name < b.variable.name ? -1 : 1));
  for (const update of sorted) {
    const {name, shape} = update.variable;
    const slash = name.lastIndexOf('/');
    const layer = slash < 0 ? `${name}/` : name.slice(0, slash);
    const key = `${layer} ${Math.max(...shape)} ${Math.min(...shape)}`;
    batches.set(key, [...(batches.get(key) ?? []), update]);
  }
  return [...batches.values()];
}
