/** How the codebooks of a quantiser learn: warm-up, k-means, then moving averages once per optimizer step. */
import * as tf from '@tensorflow/tfjs-core';
import {seededUniform} from '../../manifolds/seeded_normal.js';
import {weightSeed} from '../weight_seed.js';
import type {CodebookWeights} from './codebook_weights.js';
import {emaUpdate} from './ema_update.js';
import {kmeansCodebooks} from './kmeans.js';
import type {CodebookSize, QuantizerSettings} from './quantizer_settings.js';
import {StepStatistics} from './step_statistics.js';

/** Vectors that k-means sees, for each code; more make it slower, hardly better. */
const VECTORS_PER_CODE = 16;

/**
 * Learns the codebooks of {@link CodebookWeights} from what is quantised.
 *
 * In the first `warmupSteps` optimizer steps nothing is quantised; the vectors of the last of them start the codebooks by
 * k-means. After that each step's counts and sums, added up over its microbatches, make one {@link emaUpdate}. What is random
 * depends on the seed and the number of steps done only, so that a resumed run goes on as it would have.
 */
export class CodebookLearner {
  private readonly statistics: StepStatistics;
  /** In the last step of the warm-up: its vectors. */
  private samples: tf.Tensor2D[] = [];
  private observed = 0;

  constructor(
    readonly settings: QuantizerSettings,
    readonly size: CodebookSize,
    readonly weights: CodebookWeights,
  ) {
    this.statistics = new StepStatistics(size);
  }

  /**
   * How many rounds to use for the next microbatch of training: fewer than all with probability `quantizeDropout`.
   *
   * @param microbatch Number of the microbatch of the step.
   */
  rounds(microbatch: number): number {
    const {quantizeDropout, rounds} = this.settings;
    if (quantizeDropout === 0 || rounds === 1) {
      return rounds;
    }
    const uniform = seededUniform(this.seedOf(`dropout/${microbatch}`));
    const dropped = uniform() < quantizeDropout;
    return dropped ? 1 + Math.floor(uniform() * (rounds - 1)) : rounds;
  }

  /** Takes note of vectors `[n, r]` of the warm-up. */
  observe(z: tf.Tensor2D): void {
    if (this.weights.steps + 1 >= this.settings.warmupSteps && z.shape[0] > 0) {
      this.samples.push(tf.keep(z.clone()));
    }
  }

  /**
   * Takes note of quantised vectors.
   *
   * @param z `[n, r]`.
   * @param indices int32 `[R', n, G]`.
   * @param codebooks `[R, G, K, r/G]`, those that made the indices; they may lag behind the learner's own.
   */
  observeQuantized(z: tf.Tensor2D, indices: tf.Tensor, codebooks: tf.Tensor4D): void {
    if (z.shape[0] > 0) {
      const revives = this.settings.deadCodeThreshold > 0;
      const seed = revives ? this.seedOf(`revive/${this.observed++}`) : null;
      this.statistics.add(z, indices, codebooks, seed);
    }
  }

  /**
   * Ends an optimizer step.
   *
   * @returns `'started'` if k-means made codebooks, `'updated'` if they moved, `'unchanged'` in the warm-up and after a step
   *   that quantised nothing.
   */
  endStep(): 'started' | 'updated' | 'unchanged' {
    const {weights} = this;
    const steps = weights.steps + 1;
    let result: 'started' | 'updated' | 'unchanged' = 'unchanged';
    if (!weights.ready && this.samples.length > 0) {
      this.start();
      result = 'started';
    } else if (weights.ready && !this.statistics.isEmpty) {
      tf.tidy(() => {
        const averages = weights.averages();
        const step = this.statistics.total(averages.codebooks as tf.Tensor4D);
        weights.setAverages(emaUpdate(averages, step, step.candidates, this.settings));
      });
      result = 'updated';
    }
    this.forget();
    weights.setProgress(steps, weights.ready || result === 'started');
    return result;
  }

  /** Drops what was observed since the last step ended. */
  forget(): void {
    this.statistics.clear();
    tf.dispose(this.samples);
    this.samples = [];
    this.observed = 0;
  }

  private start(): void {
    tf.tidy(() => {
      const all = this.samples.length === 1 ? this.samples[0] : tf.concat(this.samples);
      const count = all.shape[0];
      const most = VECTORS_PER_CODE * this.size.codes;
      const seed = this.seedOf('sample');
      const some =
        count <= most ? all : (tf.gather(all, someRows(count, most, seed)) as tf.Tensor2D);
      const {kmeansIterations} = this.settings;
      const {codebooks, counts, sums} = kmeansCodebooks(
        some,
        this.size,
        kmeansIterations,
        this.seedOf('start'),
      );
      // Averages are of whole steps.
      const scale = count / some.shape[0];
      this.weights.setAverages({
        codebooks,
        counts: tf.mul(counts, scale),
        sums: tf.mul(sums, scale),
      });
    });
  }

  private seedOf(what: string): number {
    return weightSeed(this.settings.seed, `${this.weights.steps}/${what}`);
  }
}

/** `most` different row numbers below `count`, in ascending order. */
function someRows(count: number, most: number, seed: number): tf.Tensor1D {
  const uniform = seededUniform(seed);
  const order = Int32Array.from({length: count}, (_, i) => i);
  for (let i = 0; i < most; i++) {
    const other = i + Math.floor(uniform() * (count - i));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return tf.tensor1d(order.slice(0, most).sort(), 'int32');
}
