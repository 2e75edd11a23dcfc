/** The sending end of the leg codec `rvq`. */
import * as tf from '@tensorflow/tfjs-core';
import {rvqDecode} from '../../ops/rvq_decode.js';
import {rvqEncode} from '../../ops/rvq_encode.js';
import type {FrameTensor} from '../../pipeline/wire/index.js';
import {bfloat16Codec} from '../bfloat16.js';
import {checkFinite, takeFinite, whatCrosses} from '../finite.js';
import type {Crossing, LegContext, LegSender, LegState} from '../leg.js';
import {legTensor} from '../leg_tensor.js';
import {packIndices} from './bit_packing.js';
import {measureCodebooks} from './measure_codebooks.js';
import {CODEBOOK} from './rvq_leg_receiver.js';
import {NAME, type RvqSettings} from './rvq_options.js';
import {SenderCodebooks} from './sender_codebooks.js';
import {SenderGradient} from './sender_gradient.js';
import {packState, unpackState} from './sender_state.js';
import {scalesOf} from './token_scale.js';
import {wireCodebooks} from './wire_codebooks.js';

/** Encodes with the wire copy, learns with the live codebooks, sends slices of them. */
export class RvqLegSender implements LegSender {
  /** Present where the gradient is not just handed on. */
  readonly backward?: (dy: tf.Tensor, at: Crossing) => tf.Tensor;
  private readonly gradient: SenderGradient;
  /** Null until the width of the vectors is known. */
  private codebooks: SenderCodebooks | null = null;
  /** Sums of squares of error and vectors, of the last microbatch of training. */
  private lastError: tf.Tensor | null = null;
  private packed = 0;
  /** Number in a step: of the step before, at first as the context says. */
  private microbatches: number;

  constructor(
    private readonly settings: RvqSettings,
    private readonly context: LegContext,
  ) {
    this.gradient = new SenderGradient(settings);
    this.microbatches = context.microbatches ?? 1;
    if (!this.gradient.isPlain) {
      this.backward = (dy, at) => this.gradient.pass(dy, at.microbatch, this.microbatches);
    }
    if (context.width > 0) {
      this.codebooksFor(context.width);
    }
  }

  /** The receiver may be another than before, or have been set back: it gets all codes with the next microbatch. */
  meet(): void {
    this.codebooks?.requestRefresh();
  }

  async pack(x: tf.Tensor, at: Crossing): Promise<FrameTensor[]> {
    const {shape} = x;
    const codebooks = this.codebooksFor(shape[shape.length - 1]);
    if (!codebooks.ready) {
      const z = flat(x);
      try {
        const values = await takeFinite(x, whatCrosses(this.context));
        if (at.training) {
          await this.observe(z, codebooks);
        }
        return [legTensor(NAME, this.context, shape, bfloat16Codec.pack(values, shape))];
      } finally {
        z.dispose();
      }
    }
    await checkFinite(x, whatCrosses(this.context));
    const z = flat(x);
    x.dispose();
    try {
      return await this.quantize(z, shape, at, codebooks);
    } finally {
      z.dispose();
    }
  }

  async endStep(): Promise<void> {
    this.gradient.release();
    this.microbatches = Math.max(1, this.packed);
    this.packed = 0;
    await this.codebooks?.endStep();
  }

  async state(): Promise<LegState> {
    const {codebooks, microbatches} = this;
    return codebooks == null
      ? {}
      : packState({streaming: codebooks.streaming(), microbatches}, codebooks.own);
  }

  setState(state: LegState): void {
    const names = Object.keys(state);
    if (names.length === 0) {
      // Saved before anything crossed.
      this.dispose();
      return;
    }
    const shape = state.codebooks?.shape;
    const rank = this.context.width || (shape?.length === 4 ? shape[1] * shape[3] : 0);
    if (this.codebooks == null && rank === 0) {
      throw new Error(
        `codec '${NAME}': state: 'codebooks' is missing, expected [R, G, K, r/G], but there is ` +
          `${names.map((name) => `'${name}'`).join(', ')}.`,
      );
    }
    const codebooks = this.codebooks ?? this.codebooksFor(rank);
    const {streaming, microbatches} = unpackState(state, codebooks.own, codebooks.size);
    codebooks.resume(streaming, (state.codebooks?.values as Float32Array | undefined) ?? null);
    this.microbatches = microbatches;
    this.packed = 0;
    this.forget();
  }

  measure(): Promise<Record<string, number>> {
    const {codebooks, lastError} = this;
    return codebooks?.ready
      ? measureCodebooks(codebooks.learner, codebooks.wire, lastError)
      : Promise.resolve({});
  }

  dispose(): void {
    this.forget();
    this.codebooks?.dispose();
    this.codebooks = null;
  }

  /** Shows vectors of the warm-up to the learner, scaled as they will be. */
  private async observe(z: tf.Tensor2D, {learner}: SenderCodebooks): Promise<void> {
    this.packed++;
    if (this.settings.scale === 'none') {
      learner.observe(z);
      return;
    }
    const {factors} = await scalesOf(z);
    tf.tidy(() => learner.observe(tf.div(z, factors)));
    factors.dispose();
  }

  private async quantize(
    z: tf.Tensor2D,
    shape: number[],
    at: Crossing,
    codebooks: SenderCodebooks,
  ): Promise<FrameTensor[]> {
    const {context, settings} = this;
    const {learner, size} = codebooks;
    const scales = settings.scale === 'token' ? await scalesOf(z) : null;
    const rounds = at.training ? learner.rounds(at.microbatch) : settings.rounds;
    const message = await codebooks.next(at.training, rounds);
    const indices = tf.tidy(() => {
      const wire = wireCodebooks(codebooks.wire!, size, rounds);
      const vectors = scales == null ? z : (tf.div(z, scales.factors) as tf.Tensor2D);
      const ids = rvqEncode(vectors, wire);
      if (at.training) {
        learner.observeQuantized(vectors, ids, wire);
        const codes = rvqDecode(ids, wire);
        this.note(z, scales == null ? codes : tf.mul(codes, scales.factors), at);
      }
      return ids;
    });
    scales?.factors.dispose();
    const ids = await indices.data();
    indices.dispose();
    const packed = packIndices(ids, settings.codes);
    const bytes = scales == null ? packed : joined(scales.bytes, packed);
    const sync: FrameTensor = {
      name: CODEBOOK,
      codec: NAME,
      dtype: 'float32',
      shape: [message.length],
      bytes: message,
    };
    return [legTensor(NAME, context, shape, bytes), sync];
  }

  /** Keeps what backward and measurements need. */
  private note(z: tf.Tensor, zhat: tf.Tensor, {microbatch}: Crossing): void {
    this.packed++;
    this.lastError?.dispose();
    const squares = (x: tf.Tensor) => tf.sum(tf.square(x));
    this.lastError = tf.keep(tf.stack([squares(tf.sub(z, zhat)), squares(z)]));
    this.gradient.hold(z, zhat, microbatch);
  }

  /** Drops what was noted. */
  private forget(): void {
    this.gradient.release();
    this.lastError?.dispose();
    this.lastError = null;
  }

  private codebooksFor(rank: number): SenderCodebooks {
    this.codebooks ??= new SenderCodebooks(this.settings, this.context, rank);
    this.codebooks.checkRank(rank);
    return this.codebooks;
  }
}

/** `x [..., r]` as `[n, r]`. */
function flat(x: tf.Tensor): tf.Tensor2D {
  return tf.reshape(x, [-1, x.shape[x.rank - 1]]);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
