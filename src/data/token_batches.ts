import {permutation, seededRandom} from './random.js';
import type {TokenArray} from './token_file.js';

/** One step's tokens; row-major `[batch, time]`. */
export interface TokenBatch {
  /** Inputs. */
  ids: Int32Array;
  /** The ids one position later: what the model should say. */
  targets: Int32Array;
  /** `[batch, time]`. */
  shape: [number, number];
}

/** Where a reader of batches stands; plain JSON, part of a checkpoint. */
export interface TokenBatchesState {
  /** Seed of the order. */
  seed: number;
  /** Passes through the text that are over. */
  epoch: number;
  /** Sequences drawn in this pass. */
  position: number;
}

/** Settings of `TokenBatches`. */
export interface TokenBatchesArgs {
  /** The text, one id a token. */
  tokens: TokenArray;
  /** Sequences a batch. */
  batchSize: number;
  /** Tokens a sequence. */
  context: number;
  /** Size of the model's vocabulary; ids are checked against it once. */
  vocabSize: number;
  /** Order of the sequences. */
  seed?: number;
}

/** Throws unless every id is in `[0, vocabSize)`. */
function checkIds(tokens: TokenArray, vocabSize: number): void {
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] < 0 || tokens[i] >= vocabSize) {
      throw new Error(
        `TokenBatches: token ${i} of the text is ${tokens[i]}, outside the model's vocabulary ` +
          `(0 to ${vocabSize - 1}). The text was encoded with another tokenizer than the model's.`,
      );
    }
  }
}

/** Throws on sizes that give no batch. */
export function checkBatchSizes(tokens: number, batchSize: number, context: number): void {
  for (const [name, value] of Object.entries({batchSize, context})) {
    if (!Number.isInteger(value) || value < 1) {
      throw new Error(`TokenBatches: ${name} is ${value}; expected a whole number of 1 or more.`);
    }
  }
  if (tokens === 0) throw new Error('TokenBatches: the text is empty (0 tokens).');
  if (tokens < context + 1) {
    throw new Error(
      `TokenBatches: the text has ${tokens} tokens, a sequence needs ${context + 1} ` +
        `(context ${context} and the token after it). Give more text or a shorter context.`,
    );
  }
}

/**
 * Endless training batches from one long text. Each pass cuts the text into sequences at a random
 * offset and takes them in a random order, both given by seed and pass alone: every process with the
 * same seed draws the same batch, and a reader put back to a saved state goes on with the next one.
 */
export class TokenBatches {
  private readonly args: Required<TokenBatchesArgs>;
  private epoch = 0;
  private position = 0;
  private offset = 0;
  private order: Uint32Array = new Uint32Array();

  /** @throws Error on empty text, text shorter than a sequence and ids outside the vocabulary. */
  constructor(args: TokenBatchesArgs) {
    this.args = {seed: 0, ...args};
    checkBatchSizes(args.tokens.length, args.batchSize, args.context);
    checkIds(args.tokens, args.vocabSize);
    this.shuffle();
  }

  /** Sequences in the current pass. */
  get sequencesPerEpoch(): number {
    return this.order.length;
  }

  /** The next batch; never ends. */
  next(): TokenBatch {
    const {tokens, batchSize, context} = this.args;
    const ids = new Int32Array(batchSize * context);
    const targets = new Int32Array(batchSize * context);
    for (let row = 0; row < batchSize; row++) {
      if (this.position === this.order.length) {
        this.epoch++;
        this.position = 0;
        this.shuffle();
      }
      const start = this.offset + this.order[this.position++] * context;
      ids.set(tokens.subarray(start, start + context), row * context);
      targets.set(tokens.subarray(start + 1, start + context + 1), row * context);
    }
    return {ids, targets, shape: [batchSize, context]};
  }

  /** Where the reader stands. */
  state(): TokenBatchesState {
    return {seed: this.args.seed, epoch: this.epoch, position: this.position};
  }

  /**
   * Puts the reader back to a saved state of the same text and sizes.
   *
   * @throws Error when the state is of another seed or past the end of a pass.
   */
  restore(state: TokenBatchesState): void {
    const {seed, epoch, position} = state;
    if (seed !== this.args.seed) {
      throw new Error(
        `TokenBatches.restore: the saved seed is ${seed}, this reader's is ${this.args.seed}; ` +
          'the order of the data would change. Resume with the seed the run began with.',
      );
    }
    if (!Number.isInteger(epoch) || epoch < 0 || !Number.isInteger(position) || position < 0) {
      throw new Error(
        `TokenBatches.restore: epoch ${epoch} and position ${position} are no counts.`,
      );
    }
    this.epoch = epoch;
    this.shuffle();
    if (position > this.order.length) {
      throw new Error(
        `TokenBatches.restore: position ${position} is past the ${this.order.length} sequences of ` +
          'a pass: this is not the text the run began with.',
      );
    }
    this.position = position;
  }

  /** Offset and order of the current pass, from seed and pass alone. */
  private shuffle(): void {
    const {tokens, context, seed} = this.args;
    const random = seededRandom(
      Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(this.epoch, 0x85ebca6b),
    );
    const spare = Math.min(context, tokens.length - context);
    this.offset = Math.floor(random() * spare);
    this.order = permutation(Math.floor((tokens.length - 1 - this.offset) / context), random);
  }
}

/**
 * The held-out text in order, for measuring: the same batches every time.
 *
 * @param tokens The text.
 * @param batchSize Sequences a batch; the last, incomplete batch is left out unless it is the only one.
 * @param context Tokens a sequence.
 * @param limit At most so many batches, spread evenly over the text; 0 for all.
 * @throws Error on text shorter than a sequence.
 */
export function evaluationBatches(
  tokens: TokenArray,
  batchSize: number,
  context: number,
  limit = 0,
): TokenBatch[] {
  checkBatchSizes(tokens.length, batchSize, context);
  const windows = Math.floor((tokens.length - 1) / context);
  const rows = Math.min(batchSize, windows);
  const whole = Math.floor(windows / rows);
  const count = limit > 0 ? Math.min(limit, whole) : whole;
  return Array.from({length: count}, (_, i) => {
    const first = Math.floor((i * whole) / count) * rows * context;
    return {
      ids: Int32Array.from(tokens.subarray(first, first + rows * context)),
      targets: Int32Array.from(tokens.subarray(first + 1, first + rows * context + 1)),
      shape: [rows, context],
    };
  });
}
