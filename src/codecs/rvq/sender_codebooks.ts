/** Both sets of codebooks of a sending end: those that learn, and the copy on the wire. */
import {CodebookLearner} from '../../layers/quantizer/codebook_learner.js';
import {CodebookWeights} from '../../layers/quantizer/codebook_weights.js';
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';
import type {ResidualVectorQuantizer} from '../../layers/residual_vector_quantizer.js';
import type {LegContext} from '../leg.js';
import {CodebookSender, type CodebookSenderState} from './codebook_sender.js';
import {learnerSettings, legSeed, NAME, sizeFor, type RvqSettings} from './rvq_options.js';
import {valuesOf} from './wire_codebooks.js';

/** What a sender has once the width of its vectors is known. */
export class SenderCodebooks {
  readonly size: CodebookSize;
  /** Moves the live codebooks, which are a layer's if the boundary has a quantiser. */
  readonly learner: CodebookLearner;
  /** The live codebooks, unless a layer of the model has them. */
  readonly own: CodebookWeights | null;
  private stream: CodebookSender;
  /** Whether `stream` has to be given the live codebooks before it is used. */
  private liveIsStale = false;

  /** @param rank Width of the vectors. */
  constructor(
    private readonly settings: RvqSettings,
    private readonly context: LegContext,
    rank: number,
  ) {
    const {half, direction, boundary} = context;
    this.size = sizeFor(settings, rank);
    const quantizer = direction === 'forward' ? (half?.quantizer ?? null) : null;
    if (quantizer != null) {
      checkQuantizer(quantizer, this.size);
      quantizer.buildFor(rank);
    }
    this.own =
      quantizer == null ? new CodebookWeights(`legs.${boundary}.${direction}`, this.size) : null;
    const weights = this.own ?? quantizer!.learner!.weights;
    this.learner = new CodebookLearner(
      learnerSettings(settings, this.size, context),
      this.size,
      weights,
    );
    this.stream = this.newStream();
  }

  /** Whether there are codebooks: the warm-up is over. */
  get ready(): boolean {
    return this.learner.weights.ready;
  }

  /** bfloat16 bits of the wire copy, not to be changed; null while nothing was sent of it. */
  get wire(): Uint16Array | null {
    return this.stream.ready ? this.stream.wire : null;
  }

  /** The codebook message of the next microbatch, which is then encoded with the first `rounds` rounds of `wire`. */
  async next(training: boolean, rounds: number): Promise<Uint8Array> {
    const {stream} = this;
    if (!stream.ready || this.liveIsStale) {
      // Codebooks that were loaded with the model.
      const live = await this.live();
      if (stream.ready) stream.setLive(live);
      else stream.start(live);
      this.liveIsStale = false;
    }
    return stream.next(training, rounds);
  }

  /** The receiver may have nothing, or another copy. */
  requestRefresh(): void {
    this.stream.requestRefresh();
  }

  /** The live codebooks learn from the step; slices of them reach the wire copy later. */
  async endStep(): Promise<void> {
    const result = this.learner.endStep();
    if (result === 'updated') {
      this.stream.setLive(await this.live());
    } else if (result === 'started') {
      this.stream.start(await this.live());
    }
  }

  /** Where the stream stands, for checkpoints; null in the warm-up. */
  streaming(): CodebookSenderState | null {
    return this.stream.ready ? this.stream.state() : null;
  }

  /**
   * Goes on from `streaming`, after the weights were loaded.
   *
   * @param live Their values, where the checkpoint of the leg has them and not the model.
   */
  resume(streaming: CodebookSenderState | null, live: Float32Array | null): void {
    this.learner.forget();
    if (streaming == null) {
      this.stream = this.newStream();
      return;
    }
    // Of a layer's codebooks the values may still be on a device: they follow with the next microbatch.
    this.stream.setState(streaming, live ?? valuesOf(streaming.wire));
    this.liveIsStale = live == null;
  }

  /** Throws if vectors of another width cross than those that the codebooks are for. */
  checkRank(rank: number): void {
    const {groups, width} = this.size;
    if (rank !== groups * width) {
      throw new Error(
        `codec '${NAME}': a tensor of width ${rank} crosses, expected ${groups * width}, that of the codebooks`,
      );
    }
  }

  dispose(): void {
    this.learner.forget();
    this.own?.dispose();
  }

  private async live(): Promise<Float32Array> {
    return (await this.learner.weights.codebooks.read().data()) as Float32Array;
  }

  private newStream(): CodebookSender {
    const {size, settings, context} = this;
    return new CodebookSender({size, slices: settings.slices, seed: legSeed(context)});
  }
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
