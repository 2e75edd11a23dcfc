/** The receiving end of the leg codec `rvq`. */
import * as tf from '@tensorflow/tfjs-core';
import {rvqDecode} from '../../ops/rvq_decode.js';
import type {FrameTensor} from '../../pipeline/wire/index.js';
import {bfloat16Codec} from '../bfloat16.js';
import {checkArrived} from '../finite.js';
import type {LegContext, LegReceiver} from '../leg.js';
import {oneLegTensor} from '../leg_tensor.js';
import {unpackIndices} from './bit_packing.js';
import {CodebookReceiver} from './codebook_receiver.js';
import {NAME, sizeFor, vectorBytes, type RvqSettings} from './rvq_options.js';
import {factorsOf} from './token_scale.js';
import {wireCodebooks} from './wire_codebooks.js';

/** Name of the packed tensor that carries the codebook message. */
export const CODEBOOK = 'codebook';

/**
 * Keeps the wire copy of the codebooks. No state to save: when two stages meet, at the start, after a resume, or when one of them
 * was replaced, the sender sends it whole.
 *
 * Between two meetings a channel loses, repeats and reorders nothing (its frames are numbered), so that a gap here means that an
 * end is wrong. It stops the run: a lost frame takes the indices of its microbatch with it, and no later refresh brings them
 * back. Whoever has a link that may lose what it likes uses `CodebookSender` and `CodebookReceiver` by themselves.
 */
export class RvqLegReceiver implements LegReceiver {
  private codebooks: CodebookReceiver | null = null;

  constructor(
    private readonly settings: RvqSettings,
    private readonly context: LegContext,
  ) {}

  /** The sender may be another than before, or have been set back: nothing of what is here counts. */
  meet(): void {
    this.codebooks = null;
  }

  async unpack(tensors: readonly FrameTensor[]): Promise<tf.Tensor> {
    const {context} = this;
    const sync = tensors.find(({name}) => name === CODEBOOK);
    const {bytes, shape} = oneLegTensor(
      NAME,
      context,
      tensors.filter((tensor) => tensor !== sync),
    );
    if (sync == null) {
      const values = bfloat16Codec.unpack(bytes, shape);
      checkArrived(NAME, values, shape);
      return tf.tensor(values, [...shape], 'float32');
    }
    try {
      return this.decode(bytes, shape, sync.bytes);
    } catch (error) {
      throw new Error(`codec '${NAME}': ${(error as Error).message}`, {cause: error});
    }
  }

  dispose(): void {
    this.codebooks = null;
  }

  private decode(bytes: Uint8Array, shape: readonly number[], message: Uint8Array): tf.Tensor {
    const rank = shape.at(-1)!;
    const size = sizeFor(this.settings, rank);
    // Frames of a channel come in order and belong to one run.
    this.codebooks ??= new CodebookReceiver({size, ordered: true});
    const {codebooks} = this;
    const receipt = codebooks.receive(message);
    if (receipt.status !== 'ready') {
      const reason =
        receipt.status === 'duplicate' ? 'a microbatch arrived a second time' : receipt.reason;
      throw new Error(`${reason}; start both ends again from one checkpoint`);
    }
    const {rounds} = receipt;
    const tokens = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const length = vectorBytes(this.settings, size, tokens, rounds);
    if (bytes.length !== length) {
      throw new Error(
        `${bytes.length} bytes of shape [${shape.join(', ')}] in ${rounds} rounds arrived, expected ${length}`,
      );
    }
    const scaled = this.settings.scale === 'token';
    const start = scaled ? 2 * tokens : 0;
    const count = rounds * tokens * size.groups;
    const indices = unpackIndices(bytes.subarray(start), count, size.codes);
    return tf.tidy(() => {
      const ids = tf.tensor3d(indices, [rounds, tokens, size.groups], 'int32');
      const codes = rvqDecode(ids, wireCodebooks(codebooks.wire, size, rounds));
      const flat = scaled ? tf.mul(codes, factorsOf(bytes.subarray(0, start), tokens)) : codes;
      return tf.reshape(flat, [...shape]);
    });
  }
}
