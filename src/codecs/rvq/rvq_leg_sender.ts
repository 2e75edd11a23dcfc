/** The sending end of the leg codec `rvq`. */
import * as tf from '@tensorflow/tfjs-core';
import {CodebookLearner} from '../../layers/quantizer/codebook_learner.js';
import {CodebookWeights} from '../../layers/quantizer/codebook_weights.js';
import {quantizerGradient} from '../../layers/quantizer/quantizer_gradient.js';
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';
import type {ResidualVectorQuantizer} from '../../layers/residual_vector_quantizer.js';
import {rvqDecode} from '../../ops/rvq_decode.js';
import {rvqEncode} from '../../ops/rvq_encode.js';
import type {FrameTensor} from '../../pipeline/wire/index.js';
import {bfloat16Codec} from '../bfloat16.js';
import {takeFinite, whatCrosses} from '../finite.js';
import type {Crossing, LegContext, LegSender, LegState} from '../leg.js';
import {legTensor} from '../leg_tensor.js';
import {packIndices} from './bit_packing.js';
import {CodebookSender} from './codebook_sender.js';
import {CODEBOOK} from './rvq_leg_receiver.js';
import {learnerSettings, legSeed, NAME, sizeFor, type RvqSettings} from './rvq_options.js';
import {measureCodebooks} from './measure_codebooks.js';
import {packState, unpackState} from './sender_state.js';
import {scalesOf} from './token_scale.js';
import {valuesOf, WireCodebooks} from './wire_codebooks.js';

/** What depends on the width of the vectors. */
interface Parts {
  size: CodebookSize;
  learner: CodebookLearner;
  /** The learner's weights, unless a layer of the model has them. */
  own: CodebookWeights | null;
  stream: CodebookSender;
  wire: WireCodebooks;
}

/** Encodes with the wire copy, learns with the live codebooks, sends slices of them. */
export class RvqLegSender implements LegSender {
  /** Present where the gradient is not just handed on. */
  readonly backward?: (dy: tf.Tensor, at: Crossing) => tf.Tensor;
  private parts: Parts | null = null;
  /** `z` and `ẑ` of microbatches whose backward is to come. */
  private readonly held = new Map<number, {z: tf.Tensor; zhat: tf.Tensor}>();
  /** Sums of squares of error and vectors, of the last microbatch of training. */
  private lastError: tf.Tensor | null = null;
  private packed = 0;
  /** Of the step before: a microbatch's part of a mean over the step. */
  private microbatches = 1;
  /** Whether `stream` has to be given the live codebooks before it is used. */
  private liveIsStale = false;

  constructor(
    private readonly settings: RvqSettings,
    private readonly context: LegContext,
  ) {
    if (settings.gradient !== 'straight-through' || settings.commitment > 0) {
      this.backward = (dy, at) => this.passGradient(dy, at);
    }
    if (context.width > 0) {
      this.partsFor(context.width);
    }
  }

  async pack(x: tf.Tensor, at: Crossing): Promise<FrameTensor[]> {
    const {shape} = x;
    const {context} = this;
    const parts = this.partsFor(shape[shape.length - 1]);
    const {learner} = parts;
    if (!learner.weights.ready) {
      const z = flat(x);
      try {
        const values = await takeFinite(x, whatCrosses(context));
        if (at.training) {
          await this.observe(z, learner);
        }
        return [legTensor(NAME, context, shape, bfloat16Codec.pack(values, shape))];
      } finally {
        z.dispose();
      }
    }
    await this.checkFinite(x);
    const z = flat(x);
    x.dispose();
    try {
      return await this.quantize(z, shape, at, parts);
    } finally {
      z.dispose();
    }
  }

  async endStep(): Promise<void> {
    this.releaseHeld();
    this.microbatches = Math.max(1, this.packed);
    this.packed = 0;
    if (this.parts == null) {
      return;
    }
    const {learner, stream, wire} = this.parts;
    const result = learner.endStep();
    if (result === 'unchanged') {
      return;
    }
    const live = (await learner.weights.codebooks.read().data()) as Float32Array;
    if (result === 'updated') {
      stream.setLive(live);
    } else {
      stream.start(live);
      wire.dispose();
    }
  }

  async state(): Promise<LegState> {
    if (this.parts == null) {
      return {};
    }
    const {stream, own} = this.parts;
    const streaming = stream.ready ? stream.state() : null;
    return packState({streaming, microbatches: this.microbatches}, own);
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
    if (this.parts == null && rank === 0) {
      throw new Error(
        `codec '${NAME}': state: 'codebooks' is missing, expected [R, G, K, r/G], but there is ` +
          `${names.map((name) => `'${name}'`).join(', ')}.`,
      );
    }
    const {size, learner, own, stream, wire} = this.parts ?? this.partsFor(rank);
    const {streaming, microbatches} = unpackState(state, own, size);
    this.microbatches = microbatches;
    this.packed = 0;
    this.releaseHeld();
    this.lastError?.dispose();
    this.lastError = null;
    learner.forget();
    wire.dispose();
    if (streaming == null) {
      this.parts!.stream = this.newStream(size);
    } else {
      // Of a layer's codebooks the values may still be on a device: they follow with the next microbatch.
      const live = state.codebooks?.values as Float32Array | undefined;
      stream.setState(streaming, live ?? valuesOf(streaming.wire));
      this.liveIsStale = live == null;
    }
  }

  measure(): Promise<Record<string, number>> {
    const {lastError} = this;
    const {learner, stream} = this.parts ?? {};
    return learner?.weights.ready
      ? measureCodebooks(learner, stream?.ready ? stream.wire : null, lastError)
      : Promise.resolve({});
  }

  dispose(): void {
    this.releaseHeld();
    this.lastError?.dispose();
    this.lastError = null;
    this.parts?.learner.forget();
    this.parts?.wire.dispose();
    this.parts?.own?.dispose();
    this.parts = null;
  }

  /** Shows vectors of the warm-up to the learner, scaled as they will be. */
  private async observe(z: tf.Tensor2D, learner: CodebookLearner): Promise<void> {
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
    {learner, stream, wire}: Parts,
  ): Promise<FrameTensor[]> {
    const {context, settings} = this;
    if (!stream.ready || this.liveIsStale) {
      // Codebooks that were loaded with the model.
      const live = (await learner.weights.codebooks.read().data()) as Float32Array;
      if (stream.ready) stream.setLive(live);
      else stream.start(live);
      this.liveIsStale = false;
    }
    const scales = settings.scale === 'token' ? await scalesOf(z) : null;
    const rounds = at.training ? learner.rounds(at.microbatch) : settings.rounds;
    const message = stream.next(at.training, rounds);
    wire.dispose();
    const indices = tf.tidy(() => {
      const codebooks = wire.firstRounds(stream.wire, rounds);
      const vectors = scales == null ? z : (tf.div(z, scales.factors) as tf.Tensor2D);
      const ids = rvqEncode(vectors, codebooks);
      if (at.training) {
        learner.observeQuantized(vectors, ids, codebooks);
        const codes = rvqDecode(ids, codebooks);
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
    if (this.backward != null) {
      this.held.set(microbatch, {z: tf.keep(z.clone()), zhat: tf.keep(zhat.clone())});
    }
  }

  private passGradient(dy: tf.Tensor, {microbatch}: Crossing): tf.Tensor {
    const pair = this.held.get(microbatch);
    this.held.delete(microbatch);
    if (pair == null) {
      // Of the warm-up.
      return dy;
    }
    const {z, zhat} = pair;
    const {gradient, commitment} = this.settings;
    const weight = commitment / this.microbatches;
    const dz = tf.tidy(() => {
      const rows = tf.reshape(dy, z.shape);
      return tf.reshape(quantizerGradient(rows, z, zhat, gradient, weight), dy.shape);
    });
    tf.dispose([z, zhat, dy]);
    return dz;
  }

  private releaseHeld(): void {
    this.held.forEach((pair) => tf.dispose([pair.z, pair.zhat]));
    this.held.clear();
  }

  /** Throws, naming the position and freeing `x`, if a value is not finite. Reads one number while all is well. */
  private async checkFinite(x: tf.Tensor): Promise<void> {
    const sum = tf.tidy(() => tf.sum(tf.sub(x, x)));
    const [value] = await sum.data();
    sum.dispose();
    if (value !== 0) {
      await takeFinite(x, whatCrosses(this.context));
    }
  }

  private partsFor(rank: number): Parts {
    if (this.parts == null) {
      const {context, settings} = this;
      const {half, direction, boundary} = context;
      const size = sizeFor(settings, rank);
      const quantizer = direction === 'forward' ? (half?.quantizer ?? null) : null;
      if (quantizer != null) {
        checkQuantizer(quantizer, size);
        quantizer.buildFor(rank);
      }
      const own =
        quantizer == null ? new CodebookWeights(`legs.${boundary}.${direction}`, size) : null;
      const weights = own ?? quantizer!.learner!.weights;
      const learner = new CodebookLearner(learnerSettings(settings, size, context), size, weights);
      const stream = this.newStream(size);
      this.parts = {size, learner, own, stream, wire: new WireCodebooks(size)};
    }
    const {groups, width} = this.parts.size;
    if (rank !== groups * width) {
      throw new Error(
        `codec '${NAME}': a tensor of width ${rank} crosses, expected ${groups * width}, that of the codebooks`,
      );
    }
    return this.parts;
  }

  private newStream(size: CodebookSize): CodebookSender {
    return new CodebookSender({size, slices: this.settings.slices, seed: legSeed(this.context)});
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

/** The codebooks of a boundary's quantiser are the leg's: they must have one size. */
function checkQuantizer(quantizer: ResidualVectorQuantizer, size: CodebookSize): void {
  for (const key of ['rounds', 'groups', 'codes'] as const) {
    if (quantizer.settings[key] !== size[key]) {
      throw new Error(
        `leg codec '${NAME}': ${key} is ${size[key]}, but the boundary's quantizer '${quantizer.name}' has ` +
          `${quantizer.settings[key]}: give the codec and the quantizer the same ${key}.`,
      );
    }
  }
}
