/** The sending end of codebook streaming. */
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';
import {bfloat16Codec} from '../bfloat16.js';
import {requireOptions} from '../../ops/check_options.js';
import {checkInteger, checkSeed} from '../../ops/check_values.js';
import {checkSize, codebookValues, encodeMessage, takeSlice, putSlice} from './codebook_message.js';
import {SliceOrder} from './slice_order.js';

/** What a sender is made with. */
export interface CodebookSenderArgs {
  size: CodebookSize;
  /** Parts of an epoch, 1 to K: each microbatch of training carries one. */
  slices: number;
  /** Seed of the order of the parts. */
  seed: number;
  /** Incarnation, greater than that of any sender of this leg before; an unsigned 32-bit integer. Default 0. */
  session?: number;
}

/** What a resumed sender needs. */
export interface CodebookSenderState {
  /** bfloat16 bits `[R, G, K, w]`. */
  wire: Uint16Array;
  /** Parts sent since the codebooks began. */
  position: number;
  version: number;
  seq: number;
}

/**
 * Keeps the codebooks that learn, and the wire copy that microbatches are encoded with and that the receiver has too
 * (method.md section 7; the protocol is ours). No tensors, no transport: bytes out, and `requestRefresh` when the receiver
 * asks.
 *
 * A message may carry the whole wire copy *as it is*, and that never changes what is computed: loss, restarts and new
 * receivers cost bytes only. It does so at first, after `requestRefresh` and after `state`, so that a run resumed from that
 * state, perhaps with a receiver that has nothing, sends the same bytes as the one that went on.
 */
export class CodebookSender {
  private readonly order: SliceOrder;
  private readonly bits: Uint16Array;
  private live: Uint16Array | null = null;
  private position = 0;
  private version = 0;
  private seq = 0;
  private refresh = true;
  private readonly session: number;

  constructor(private readonly args: CodebookSenderArgs) {
    requireOptions(
      'CodebookSender',
      args,
      'new CodebookSender({size: {rounds: 2, groups: 8, codes: 256, width: 4}, slices: 256, seed: 1})',
    );
    const {size, slices, seed, session = 0} = args;
    checkSize('CodebookSender', size);
    checkSeed('CodebookSender', seed);
    checkCount('session', session);
    checkInteger('CodebookSender', 'slices', slices, 1, size.codes);
    this.session = session;
    this.order = new SliceOrder(size.codes, slices, seed);
    this.bits = new Uint16Array(codebookValues(size));
  }

  /** Whether there are codebooks to encode with. */
  get ready(): boolean {
    return this.live != null;
  }

  /** bfloat16 bits of the wire copy `[R, G, K, w]`; a view, not to be changed. */
  get wire(): Uint16Array {
    return this.bits;
  }

  /** New codebooks in all, such as those of k-means: the wire copy becomes them, and goes out whole. */
  start(live: Float32Array): void {
    this.setLive(live);
    this.bits.set(this.live!);
    this.position = 0;
    this.version++;
    this.refresh = true;
  }

  /** The codebooks after an update, `[R, G, K, w]`: codes reach the wire copy as their turns come. */
  setLive(live: Float32Array): void {
    this.checkLength(live, 'values of codebooks');
    const bits = new Uint16Array(bfloat16Codec.pack(live, [live.length]).buffer);
    const wrong = bits.findIndex((half) => (half & 0x7f80) === 0x7f80);
    if (wrong >= 0) {
      throw new Error(
        `CodebookSender: value ${wrong} of the codebooks is ${live[wrong]}, expected a number that bfloat16 has.`,
      );
    }
    this.live = bits;
  }

  /** The receiver lacks codes: the next message carries them all. */
  requestRefresh(): void {
    this.refresh = true;
  }

  /**
   * The message of the next microbatch. Encode it with `wire` as it is after the call.
   *
   * @param training Whether it carries a slice; an evaluation leaves the wire copy as it is.
   * @param rounds Rounds that it uses.
   */
  next(training: boolean, rounds = this.args.size.rounds): Uint8Array {
    const {live, bits, session, seq, version} = this;
    const {size} = this.args;
    if (live == null) {
      throw new Error('CodebookSender: there are no codebooks yet: call start().');
    }
    checkInteger('CodebookSender', 'rounds', rounds, 1, size.rounds);
    const full = this.refresh ? bits.slice() : null;
    let slice = null;
    if (training) {
      const indices = Uint16Array.from(this.order.at(this.position));
      slice = {indices, codes: takeSlice(live, indices, size)};
      putSlice(bits, slice, size);
      this.position++;
      this.version++;
    }
    this.seq++;
    this.refresh = false;
    return encodeMessage({session, seq, version, rounds, full, slice}, size);
  }

  /** What a resumed sender needs besides the live codebooks. The next message carries the whole wire copy. */
  state(): CodebookSenderState {
    this.refresh = true;
    const {bits, position, version, seq} = this;
    return {wire: bits.slice(), position, version, seq};
  }

  /** Goes on from `state`, with the live codebooks of that time. Throws if one of the two does not fit; nothing changes then. */
  setState(state: CodebookSenderState, live: Float32Array): void {
    requireOptions('CodebookSender: state', state, 'what state() gave');
    const {wire, position, version, seq} = state;
    this.checkLength(wire, 'values of the wire copy');
    for (const [name, count] of Object.entries({position, version, seq})) {
      checkCount(`state.${name}`, count);
    }
    this.setLive(live);
    this.bits.set(wire);
    Object.assign(this, {position, version, seq});
    this.refresh = true;
  }

  private checkLength(values: {length: number} | undefined, what: string): void {
    if (values?.length !== this.bits.length) {
      throw new Error(
        `CodebookSender: ${values?.length ?? 'no'} ${what}, expected ${this.bits.length}.`,
      );
    }
  }
}

/** Throws unless a message can carry the number. */
function checkCount(name: string, value: number): void {
  checkInteger('CodebookSender', name, value, 0, 2 ** 32 - 1);
}
