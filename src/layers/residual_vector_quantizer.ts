/** Residual vector quantisation as a layer (MAPL section "MAPL+VQ"; settings after EnCodec's practice, inferred). */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {checkBoolean, checkInteger} from '../ops/check_values.js';
import {toFloatTensor} from '../ops/checks.js';
import {rvqDecode} from '../ops/rvq_decode.js';
import {rvqEncode} from '../ops/rvq_encode.js';
import {checkLayerArgs} from './check_layer_args.js';
import {
  layerKeys,
  type Kwargs,
  type LayerArgs,
  type LayerInputs,
  type LayerOutputs,
} from './layer_types.js';
import {CodebookLearner} from './quantizer/codebook_learner.js';
import {CodebookWeights} from './quantizer/codebook_weights.js';
import {quantizerGradient} from './quantizer/quantizer_gradient.js';
import {
  codeWidth,
  quantizerSettings,
  type QuantizerOptions,
  type QuantizerSettings,
} from './quantizer/quantizer_settings.js';
import {weightSeed} from './weight_seed.js';

/** Arguments of {@link ResidualVectorQuantizer}; for the rest see {@link QuantizerOptions}. */
export interface ResidualVectorQuantizerArgs extends LayerArgs, QuantizerOptions {
  /** Groups `G` of columns; divides the width of what the layer is applied to. */
  groups: number;
  /**
   * When the codebooks move. `'call'` (default): after each call in training, which under `model.fit` is once per optimizer
   * step, as batch normalisation does. `'step'`: when {@link ResidualVectorQuantizer.endStep} is called; for loops that add up
   * gradients over several calls. In a stage of a pipeline the trainer sees to it, whatever is chosen here.
   */
  update?: 'call' | 'step';
}

const CLASS = 'ResidualVectorQuantizer';
const SIZES = '({groups: 8, rounds: 2, codes: 256})';
const KEYS = layerKeys<ResidualVectorQuantizerArgs>({
  groups: true,
  rounds: true,
  codes: true,
  decay: true,
  epsilon: true,
  deadCodeThreshold: true,
  warmupSteps: true,
  kmeansIterations: true,
  seed: true,
  gradient: true,
  commitment: true,
  quantizeDropout: true,
  update: true,
});

/**
 * Replaces each vector `z [..., r]` by `ẑ`, the sum over `R` rounds of the nearest codes, in each of `G` groups of columns:
 * `R·G·log2(K)` bits instead of `32 r`. The output has the shape of the input.
 *
 * Codebooks are not trained by gradients. In the first `warmupSteps` optimizer steps vectors pass unchanged; then k-means makes
 * codebooks from a batch, which follow what they quantise by exponential moving averages, with dead codes replaced. The
 * gradient passes straight through or by the rotation trick, over whole vectors of width `r`.
 *
 * Weights, none trainable: `<name>/codebooks [R, G, K, r/G]`, `<name>/cluster_sizes [R, G, K]`, `<name>/sums` (the averages) and
 * `<name>/progress [2]` (steps done; whether there are codebooks). With them a saved layer goes on as if never stopped. Loops of
 * your own that compute a forward again say so with {@link beginCall}, or its vectors count twice.
 *
 * ```js
 * const quantizer = residualVectorQuantizer({groups: 8, rounds: 2, codes: 64, warmupSteps: 10});
 * const output = quantizer.apply(tf.layers.dense({units: 32}).apply(input));
 * ```
 */
export class ResidualVectorQuantizer extends tfl.layers.Layer {
  /** @nocollapse */
  static className = 'ResidualVectorQuantizer';
  readonly settings: QuantizerSettings;
  readonly update: 'call' | 'step';
  /** Present once built. */
  learner: CodebookLearner | null = null;
  private calls = 0;
  /** What `beginCall` said of the calls to come; null where the layer counts them itself. */
  private announced: {microbatch: number; again: boolean} | null = null;

  constructor(args: ResidualVectorQuantizerArgs) {
    const known = new.target === ResidualVectorQuantizer ? KEYS : null;
    super(checkLayerArgs(CLASS, args, `new ${CLASS}${SIZES}`, known));
    this.supportsMasking = true;
    const label = this.label();
    this.settings = quantizerSettings(args, weightSeed(0, `${this.name}/codebooks`), label);
    this.update = args.update ?? 'call';
    if (this.update !== 'call' && this.update !== 'step') {
      throw new Error(
        `${label}: update is ${JSON.stringify(args.update)}, expected 'call' or 'step'.`,
      );
    }
  }

  /** Whether there are codebooks: before, vectors pass unchanged. */
  get ready(): boolean {
    return this.learner?.weights.ready ?? false;
  }

  override apply(inputs: LayerInputs, kwargs?: Kwargs): LayerOutputs {
    if (!this.built) {
      // Before `super.apply`, inside of which weights get the layer's name a second time.
      this.build((Array.isArray(inputs) ? inputs[0] : inputs).shape);
    }
    return super.apply(inputs, kwargs);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tfl.Shape;
    const rank = shape[shape.length - 1];
    if (rank == null) {
      throw new Error(
        `${this.label()}: the last axis of the input [${shape.map((n) => n ?? 'null').join(', ')}] is null, ` +
          `expected a fixed width: declare it, for instance tf.input({shape: [null, 128]}).`,
      );
    }
    this.buildFor(rank);
  }

  /** Creates the weights for vectors of width `rank`, unless they exist. */
  buildFor(rank: number): void {
    if (this.learner != null) {
      this.checkWidth(rank);
      return;
    }
    const {rounds, groups, codes} = this.settings;
    const size = {rounds, groups, codes, width: codeWidth(rank, groups, this.label())};
    const weights = new CodebookWeights(this.name, size);
    this.learner = new CodebookLearner(this.settings, size, weights);
    this.nonTrainableWeights = weights.all;
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const z = Array.isArray(inputs) ? inputs[0] : inputs;
      return this.quantize(z, kwargs?.training === true);
    });
  }

  /**
   * `ẑ` of `z [..., r]`, or `z` itself while there are no codebooks. Differentiable.
   *
   * @param training Whether the codebooks may learn from `z`; with update `'call'` they do at once, after `ẑ` was made.
   */
  quantize(z: tf.Tensor, training: boolean): tf.Tensor {
    const learner = this.builtLearner();
    const {gradient, commitment, rounds} = this.settings;
    const rank = z.shape[z.rank - 1];
    // Also in the warm-up, when nobody else looks at them.
    toFloatTensor(z, 'z', this.label());
    this.checkWidth(rank);
    const learns = training && this.announced?.again !== true;
    // A gradient of its own for the whole: nothing in here is recorded on the tape.
    const pass = tf.customGrad((x, save) => {
      const input = x as tf.Tensor;
      const flat = tf.reshape(input, [-1, rank]) as tf.Tensor2D;
      let value: tf.Tensor;
      const {ready} = learner.weights;
      if (ready) {
        const used = training ? learner.rounds(this.announced?.microbatch ?? this.calls) : rounds;
        const codebooks = firstRounds(learner.weights.codebooks.read(), used);
        const indices = rvqEncode(flat, codebooks);
        value = tf.reshape(rvqDecode(indices, codebooks), input.shape);
        if (learns) learner.observeQuantized(flat, indices, codebooks);
      } else {
        value = input.clone();
        if (learns) learner.observe(flat);
      }
      if (training) {
        this.calls++;
        if (this.update === 'call' && this.announced == null) this.endStep();
      }
      (save as tf.GradSaveFunc)([input, value]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
        ready ? quantizerGradient(dy, saved[0], saved[1], gradient, commitment) : dy.clone();
      return {value, gradFunc};
    });
    return pass(z);
  }

  /** Indices int32 `[R, ..., G]` of `z [..., r]`. Throws while there are no codebooks. */
  encode(z: tf.Tensor): tf.Tensor {
    return rvqEncode(z, this.codebooks());
  }

  /** The vectors `[..., r]` that indices `[R, ..., G]` stand for. Throws while there are no codebooks. */
  decode(indices: tf.Tensor): tf.Tensor {
    return rvqDecode(indices, this.codebooks());
  }

  /** The codebooks, `[R, G, K, r/G]`, which belong to the layer. Throws while there are none. */
  codebooks(): tf.Tensor4D {
    if (!this.ready) {
      throw new Error(
        `${this.label()} has no codebooks yet: train it for ${this.settings.warmupSteps} steps, load weights, ` +
          `or give it some with setCodebooks().`,
      );
    }
    return this.builtLearner().weights.codebooks.read() as tf.Tensor4D;
  }

  /**
   * Sets the codebooks and ends the warm-up. Averages start as if every code had been chosen often enough to live.
   *
   * @param codebooks float32 `[R, G, K, r/G]`; not freed.
   */
  setCodebooks(codebooks: tf.Tensor): void {
    const {weights} = this.builtLearner();
    const {shape} = weights.codebooks;
    if (!tf.util.arraysEqual(codebooks.shape, shape as number[])) {
      throw new Error(
        `${this.label()}: codebooks have shape [${codebooks.shape}], expected [${shape}].`,
      );
    }
    const count = Math.max(1, this.settings.deadCodeThreshold);
    tf.tidy(() => {
      const counts = tf.fill(weights.counts.shape as number[], count);
      weights.setAverages({codebooks: codebooks.clone(), counts, sums: tf.mul(codebooks, count)});
    });
    weights.setProgress(weights.steps, true);
  }

  /**
   * Says of the calls in training that follow, up to the end of the step, which microbatch they are of; the codebooks then wait
   * for {@link endStep}, whatever `update` is.
   *
   * @param microbatch Of the step, from 0; dropout of rounds is drawn by it.
   * @param again Whether the microbatch was computed before, as a backward pass does that keeps only inputs: nothing is learned
   *   from it a second time. Default `false`.
   */
  beginCall(microbatch: number, again = false): void {
    const where = `${this.label()}: beginCall`;
    checkInteger(where, 'microbatch', microbatch, 0);
    this.announced = {microbatch, again: checkBoolean(where, 'again', again)};
  }

  /** Ends an optimizer step: the codebooks learn from the calls in training since the last one. For update `'step'`. */
  endStep(): void {
    this.builtLearner().endStep();
    this.calls = 0;
    this.announced = null;
  }

  /** Drops what the calls in training since the last step said: for a step that fails. */
  dropStep(): void {
    this.learner?.forget();
    this.calls = 0;
    this.announced = null;
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tfl.Shape;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {...super.getConfig(), ...this.settings, update: this.update};
  }

  /** Frees the weights, and says how many: for a layer that holds this one and was disposed. */
  release(): number {
    this.learner?.forget();
    return this.learner?.weights.dispose() ?? 0;
  }

  protected override disposeWeights(): number {
    return this.release();
  }

  private builtLearner(): CodebookLearner {
    if (this.learner == null) {
      throw new Error(`${this.label()} is not built yet: apply it first.`);
    }
    return this.learner;
  }

  private checkWidth(rank: number): void {
    const {groups, width} = this.builtLearner().size;
    if (rank !== groups * width) {
      throw new Error(
        `${this.label()}: the input has width ${rank}, expected ${groups * width}, that of the codebooks.`,
      );
    }
  }

  private label(): string {
    return `ResidualVectorQuantizer '${this.name}'`;
  }
}
tf.serialization.registerClass(ResidualVectorQuantizer);

/** Creates a {@link ResidualVectorQuantizer}, in the manner of `tf.layers.dense(args)`. */
export function residualVectorQuantizer(
  args: ResidualVectorQuantizerArgs,
): ResidualVectorQuantizer {
  const where = 'residualVectorQuantizer';
  return new ResidualVectorQuantizer(checkLayerArgs(where, args, `${where}${SIZES}`, KEYS));
}

/** The codebooks of the first rounds. */
export function firstRounds(codebooks: tf.Tensor, rounds: number): tf.Tensor4D {
  const [all, ...rest] = codebooks.shape as [number, number, number, number];
  return (
    rounds === all ? codebooks : tf.slice(codebooks, [0, 0, 0, 0], [rounds, ...rest])
  ) as tf.Tensor4D;
}
