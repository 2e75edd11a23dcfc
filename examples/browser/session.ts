/** One run of training: model, optimizer, place in the text. Knows nothing of the page. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {llama, pipeline, sampler, schedules, sparseCrossEntropy, train} from 'tfjs-mapl';
import type {MaplOptimizer, NamedTensor} from 'tfjs-mapl';
import {TokenBatches, type TokenBatchesState} from '../../src/data/token_batches.js';
import {boundaryHealth, type BoundaryHealth} from './boundary_health.js';
import {llamaConfig, type Settings} from './settings.js';
import type {Vocabulary} from './vocabulary.js';

/** Updates over which the learning rates rise. */
const WARMUP_STEPS = 20;

/** A tensor as it is stored. */
export interface StoredTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/** Everything that a run needs to go on with the same numbers, but for the text. */
export interface Snapshot {
  settings: Settings;
  step: number;
  batches: TokenBatchesState;
  weights: StoredTensor[];
  optimizer: StoredTensor[];
}

/** How a sample is drawn. */
export interface SampleOptions {
  tokens: number;
  temperature: number;
  seed: number;
}

export class Session {
  readonly model: tfl.LayersModel;
  /** Updates done. */
  step = 0;
  private readonly optimizer: MaplOptimizer;
  private readonly batches: TokenBatches;
  private readonly variables: tf.Variable[];
  /** The ids of the last step, on which boundaries are measured. */
  private lastIds: Int32Array | null = null;

  private constructor(
    readonly settings: Settings,
    private readonly vocabulary: Vocabulary,
    ids: Int32Array,
  ) {
    const {context, batchSize, seed, learningRate} = settings;
    if (ids.length < context + 1) {
      throw new Error(
        `The text is too short: it has ${ids.length} tokens, and a sequence takes ${context + 1}. ` +
          `Paste more text, or choose a shorter context.`,
      );
    }
    this.batches = new TokenBatches({
      tokens: ids,
      batchSize,
      context,
      vocabSize: vocabulary.size,
      seed,
    });
    this.model = llama(llamaConfig(settings, vocabulary.size));
    this.variables = this.model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    this.optimizer = train.mapl({
      learningRate,
      schedule: schedules.warmupConstant({warmupSteps: WARMUP_STEPS}),
      clipNorm: 1,
    });
  }

  /** A run from the start. The caller has chosen a backend. */
  static start(settings: Settings, vocabulary: Vocabulary, ids: Int32Array): Session {
    return new Session(settings, vocabulary, ids);
  }

  /**
   * A run from where a snapshot was taken, over the same text.
   *
   * @throws Error if snapshot and text do not belong together.
   */
  static async resume(
    snapshot: Snapshot,
    vocabulary: Vocabulary,
    ids: Int32Array,
  ): Promise<Session> {
    const session = new Session(snapshot.settings, vocabulary, ids);
    try {
      const stored = new Map(snapshot.weights.map((weight) => [weight.name, weight]));
      for (const weight of session.model.weights) {
        const from = stored.get(weight.originalName);
        if (from == null || from.shape.join() !== weight.shape.join()) {
          throw new Error(
            `The stored run is damaged: it has no weight '${weight.originalName}' of shape [${weight.shape.join(', ')}].`,
          );
        }
        tf.tidy(() => {
          weight.write(tf.tensor(from.data, from.shape, 'float32'));
        });
      }
      const state = snapshot.optimizer.map(({name, shape, data}) => ({
        name,
        tensor: name === 'iter' ? tf.scalar(data[0], 'int32') : tf.tensor(data, shape, 'float32'),
      }));
      await session.optimizer.setWeights(state);
      tf.dispose(state.map(({tensor}) => tensor));
      session.batches.restore(snapshot.batches);
      session.step = snapshot.step;
      return session;
    } catch (error) {
      session.dispose();
      throw error;
    }
  }

  /**
   * One update.
   *
   * @returns The mean loss over the step's tokens before the update, nats a token.
   * @throws Error if it is no number: the weights are spoilt then, only a stored snapshot helps.
   */
  async trainStep(): Promise<number> {
    const {ids, targets, shape} = this.batches.next();
    const loss = tf.tidy(() => {
      const input = tf.tensor2d(ids, shape, 'int32');
      const target = tf.tensor2d(targets, shape, 'int32');
      const meanLoss = () => {
        const logits = this.model.apply(input, {training: true}) as tf.Tensor3D;
        return sparseCrossEntropy(logits, target) as tf.Scalar;
      };
      return this.optimizer.minimize(meanLoss, true, this.variables) as tf.Scalar;
    });
    const [value] = await loss.data();
    loss.dispose();
    if (!Number.isFinite(value)) {
      throw new Error(
        `The loss of step ${this.step + 1} is ${value}: training has run away. ` +
          `Start again with a lower learning rate than ${this.settings.learningRate}.`,
      );
    }
    this.lastIds = ids;
    this.step++;
    return value;
  }

  /** Captured energy and orthogonality of each boundary, on the batch of the last step. None before the first. */
  async measureBoundaries(): Promise<BoundaryHealth[]> {
    if (this.lastIds == null) return [];
    const {context} = this.settings;
    const ids = tf.tensor2d(this.lastIds, [this.lastIds.length / context, context], 'int32');
    try {
      return await boundaryHealth(this.model, ids);
    } finally {
      ids.dispose();
    }
  }

  /** Bytes of a token over all boundaries, forward and back, and what they would be without compression. */
  traffic(): {bytes: number; uncompressed: number} {
    const {stages} = this.settings;
    if (stages === 1) return {bytes: 0, uncompressed: 0};
    const cuts = pipeline.describeSplit(this.model, {stages}).map(({boundary}) => boundary);
    const sum = {bytes: 0, uncompressed: 0};
    for (const cut of cuts) {
      if (cut == null) continue;
      sum.bytes += cut.forward + cut.ids + cut.backward;
      sum.uncompressed += 2 * cut.uncompressed + cut.ids;
    }
    return sum;
  }

  /**
   * Continues a text, a piece at a time: each value is all of the new text so far. Every pass has the shape of a whole
   * context, filled up at the right, which a causal model does not see: GPU backends compile a program per shape.
   */
  async *sample(prompt: string, options: SampleOptions): AsyncGenerator<string, void, void> {
    const {context} = this.settings;
    const draw = sampler({temperature: options.temperature, topK: 40, seed: options.seed});
    const text = Array.from(await this.vocabulary.encode(prompt || '\n'));
    const made: number[] = [];
    while (made.length < options.tokens) {
      const window = text.slice(-context);
      const last = tf.tidy(() => {
        const padded = new Int32Array(context);
        padded.set(window);
        const logits = this.model.predict(tf.tensor2d(padded, [1, context], 'int32')) as tf.Tensor;
        const row = tf.slice(logits, [0, window.length - 1, 0], [1, 1, this.vocabulary.size]);
        return tf.reshape(row, [this.vocabulary.size]);
      });
      const logits = await last.data();
      last.dispose();
      const id = draw(logits);
      text.push(id);
      made.push(id);
      yield this.vocabulary.decode(made);
    }
  }

  /** Everything that {@link resume} needs. */
  async snapshot(): Promise<Snapshot> {
    const weights = this.model.weights.map((weight) => ({
      name: weight.originalName,
      tensor: weight.read(),
    }));
    const optimizer = await this.optimizer.getWeights();
    const snapshot = {
      settings: this.settings,
      step: this.step,
      batches: this.batches.state(),
      weights: await Promise.all(weights.map(read)),
      optimizer: await Promise.all(optimizer.map(read)),
    };
    // The count of iterations is a copy; the rest belongs to the optimizer.
    optimizer[0].tensor.dispose();
    return snapshot;
  }

  dispose(): void {
    this.model.dispose();
    this.optimizer.dispose();
  }
}

async function read({name, tensor}: NamedTensor): Promise<StoredTensor> {
  return {name, shape: tensor.shape, data: Float32Array.from(await tensor.data())};
}
