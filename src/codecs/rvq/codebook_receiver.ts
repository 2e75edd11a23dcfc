/** The receiving end of codebook streaming. */
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';
import {requireOptions} from '../../ops/check_options.js';
import {checkBytes} from '../../ops/check_values.js';
import {checkSize, codebookValues, decodeMessage, putSlice} from './codebook_message.js';

/** What came of a message. */
export type CodebookReceipt =
  /** The wire copy is now the sender's: decode with the first `rounds` rounds of it. */
  | {status: 'ready'; rounds: number}
  /** Came before: drop the microbatch. */
  | {status: 'duplicate'}
  /** Codes are missing: drop the microbatch, and have the sender's `requestRefresh` called. */
  | {status: 'needs refresh'; reason: string};

/** What a receiver is made with. */
export interface CodebookReceiverArgs {
  size: CodebookSize;
  /**
   * Whether the link delivers in order and nothing of an earlier sender, as a channel of a pipeline does: then a whole copy is
   * taken whatever its numbers are, for instance from a sender that was set back to a checkpoint. Default `false`.
   */
  ordered?: boolean;
}

/**
 * Follows the sender's wire copy, and never lets a microbatch be decoded with codes that are not those it was encoded with:
 * session, sequence number and version of each message are checked before anything changes. See {@link CodebookSender}.
 */
export class CodebookReceiver {
  private readonly bits: Uint16Array;
  private readonly ordered: boolean;
  private readonly size: CodebookSize;
  /** Of the last message taken; null while nothing is known. */
  private last: {session: number; seq: number; version: number} | null = null;

  constructor(args: CodebookReceiverArgs) {
    requireOptions(
      'CodebookReceiver',
      args,
      'new CodebookReceiver({size: {rounds: 2, groups: 8, codes: 256, width: 4}})',
    );
    const {size, ordered = false} = args;
    checkSize('CodebookReceiver', size);
    this.size = size;
    this.ordered = ordered;
    this.bits = new Uint16Array(codebookValues(size));
  }

  /** bfloat16 bits of the wire copy `[R, G, K, w]`; a view, not to be changed. */
  get wire(): Uint16Array {
    return this.bits;
  }

  /**
   * Takes the message of a microbatch.
   *
   * @throws Error if the bytes are no message of such codebooks.
   */
  receive(bytes: Uint8Array): CodebookReceipt {
    const message = decodeMessage(
      checkBytes('CodebookReceiver.receive', 'bytes', bytes),
      this.size,
    );
    const {session, seq, version, rounds, full, slice} = message;
    const {last} = this;
    const isNewer = last == null || session > last.session;
    const fresh = this.ordered && full != null;
    if (!fresh && last != null) {
      if (session < last.session) {
        return {status: 'duplicate'};
      }
      if (session === last.session && seq <= last.seq) {
        return {status: 'duplicate'};
      }
    }
    if (full == null && (isNewer || version !== last.version)) {
      const have = isNewer
        ? last == null
          ? 'none'
          : `those of session ${last.session}`
        : `version ${last.version}`;
      const reason = `needs codebooks of session ${session}, version ${version}; here are ${have}`;
      return {status: 'needs refresh', reason};
    }
    if (full != null) {
      this.bits.set(full);
    }
    if (slice != null) {
      putSlice(this.bits, slice, this.size);
    }
    this.last = {session, seq, version: slice == null ? version : version + 1};
    return {status: 'ready', rounds};
  }
}
