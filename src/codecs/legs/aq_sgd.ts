/** Changes of each sequence since it last crossed. */
import * as tf from '@tensorflow/tfjs-core';
import {bfloat16Codec} from '../bfloat16.js';
import {BlockQuantiser} from '../block_quantiser.js';
import {crossingUniform, NEAREST} from '../crossing_random.js';
import {checkArrived, takeFinite, whatCrosses} from '../finite.js';
import type {Crossing, LegCodec, LegContext, LegReceiver, LegSender} from '../leg.js';
import {LegOptions} from '../leg_options.js';
import {legTensor, oneLegTensor} from '../leg_tensor.js';
import {SampleMemory, type Sample} from '../sample_memory.js';

const NAME = 'aq-sgd';

interface Settings {
  bits: number;
  stochastic: boolean;
  memoryMB: number;
}

/**
 * AQ-SGD (Wang et al., arXiv 2206.01299): both ends remember what was last reconstructed of every sequence; what crosses is the change
 * since then, in `bits` (4) a value with a scale a token. The first time a sequence crosses whole; here, and in the memory of both ends,
 * in bfloat16, which is as full as precision gets on this wire. Sequences are told apart by a hash of their ids.
 *
 * Worth its memory only where sequences come again, as in fine-tuning over several epochs: `memoryMB` (1024) is a limit for each end of
 * each boundary. `stochastic` (true) rounds changes by chance in training. Gradients are straight-through; the paper quantises them
 * directly (`int8` or `int4` backward).
 *
 * When two stages meet of which this end has loaded no state, as after one was replaced, the other end may remember nothing: what this
 * one remembers of a sequence then goes along, once, before its next change. Numbers stay those of the run that goes on.
 *
 * Bytes: one of visits a sequence, 0 for a whole one, by which the ends notice that they remember different things, with the highest bit
 * where the memory goes along; then each sequence: the memory, if so, and the change.
 */
export const aqSgdLegCodec: LegCodec = {
  name: NAME,
  version: 2,
  create(options) {
    const read = new LegOptions(NAME, options);
    const bits = read.choice('bits', 4, [2, 3, 4, 6, 8]);
    const stochastic = read.flag('stochastic', true);
    const memoryMB = read.number('memoryMB', 1024, 0, Infinity);
    read.done();
    const settings = {bits, stochastic, memoryMB};
    return {
      settings,
      keyed: true,
      bytesPerToken: (width) => changesOf(bits).rowBytes(width),
      sender: (context) => new AqSgdEnd(settings, context),
      receiver: (context) => new AqSgdEnd(settings, context),
    };
  },
};

function changesOf(bits: number): BlockQuantiser {
  return new BlockQuantiser({codec: NAME, bits, blocks: (width) => [width], rotate: false});
}

/** Of the byte of visits: what the sender remembers of the sequence comes before the change. */
const WITH_MEMORY = 0x80;

/** Either end: both keep the same memory. */
class AqSgdEnd implements LegSender, LegReceiver {
  private readonly memory: SampleMemory;
  private readonly changes: BlockQuantiser;
  /** Of a sender: sequences that the other end may know nothing of. */
  private readonly unsure = new Set<number>();
  /** Whether the memory came from a checkpoint, which the other end has loaded too. */
  private loaded = false;

  constructor(
    private readonly settings: Settings,
    private readonly context: LegContext,
  ) {
    this.memory = new SampleMemory(NAME, settings.memoryMB);
    this.changes = changesOf(settings.bits);
  }

  /** What is remembered here may not be what the other end remembers, unless both have just loaded it. */
  meet(): void {
    if (!this.loaded) {
      this.memory.keys().forEach((key) => this.unsure.add(key));
    }
    this.loaded = false;
  }

  async pack(x: tf.Tensor, at: Crossing) {
    const {shape} = x;
    const values = await takeFinite(x, whatCrosses(this.context));
    const {keys, row} = this.rowsOf(shape, at);
    const length = sizeOf(row);
    const {stochastic} = this.settings;
    const uniform = stochastic && at.training ? crossingUniform(this.context, at) : NEAREST;
    const visits = new Uint8Array(keys.length);
    const pieces: Uint8Array[] = [visits];
    keys.forEach((key, i) => {
      const start = i * length;
      const own = values.subarray(start, start + length);
      const known = this.memory.get(key, length);
      visits[i] = mark(known);
      if (known == null) {
        const bytes = bfloat16Codec.pack(own, row);
        pieces.push(bytes);
        this.remember(key, null, bitsOf(bytes), at);
        return;
      }
      if (this.unsure.has(key)) {
        visits[i] |= WITH_MEMORY;
        pieces.push(bytesOf(known.bits));
      }
      const before = valuesOf(known.bits);
      const change = own.map((value, k) => value - before[k]);
      const bytes = this.changes.pack(change, row, (k) => uniform(start + k));
      pieces.push(bytes);
      this.remember(key, known, this.changed(before, bytes, row), at);
    });
    return [legTensor(NAME, this.context, shape, joined(pieces))];
  }

  async unpack(tensors: Parameters<LegReceiver['unpack']>[0], at: Crossing): Promise<tf.Tensor> {
    const {bytes, shape} = oneLegTensor(NAME, this.context, tensors);
    const {keys, row} = this.rowsOf(shape, at);
    const length = sizeOf(row);
    const values = new Float32Array(keys.length * length);
    let from = keys.length;
    keys.forEach((key, i) => {
      const {known, used} = this.knownTo(bytes[i], key, bytes.subarray(from), length);
      from += used;
      if ((bytes[i] & ~WITH_MEMORY) !== mark(known)) {
        throw new Error(
          `codec '${NAME}': sequence ${i} of microbatch ${at.microbatch} was sent as its visit ${bytes[i] & ~WITH_MEMORY}, this end ` +
            `expects ${mark(known)} (0: whole): the ends remember different things; resume both from one checkpoint`,
        );
      }
      const to = from + (known == null ? 2 * length : this.changes.byteLength(row));
      const piece = bytes.subarray(from, to);
      if (piece.byteLength !== to - from) {
        throw new Error(
          `codec '${NAME}': ${bytes.byteLength} bytes of shape [${shape.join(', ')}] arrived, ` +
            `sequence ${i} ends at ${to}: they were cut off`,
        );
      }
      from = to;
      const bits = known == null ? bitsOf(piece) : this.changed(valuesOf(known.bits), piece, row);
      values.set(valuesOf(bits), i * length);
      this.remember(key, known, bits, at);
    });
    if (from !== bytes.byteLength) {
      throw new Error(
        `codec '${NAME}': ${bytes.byteLength} bytes of shape [${shape.join(', ')}] arrived, expected ${from}`,
      );
    }
    checkArrived(NAME, values, shape);
    return tf.tensor(values, [...shape], 'float32');
  }

  async state() {
    return this.memory.state();
  }

  setState(state: Parameters<NonNullable<LegSender['setState']>>[0]): void {
    this.memory.setState(state);
    this.unsure.clear();
    this.loaded = true;
  }

  async measure(): Promise<Record<string, number>> {
    return {sequences: this.memory.size, heldBytes: this.memory.heldBytes};
  }

  private remember(key: number, known: Sample | null, bits: Uint16Array, at: Crossing): void {
    if (at.training) {
      this.unsure.delete(key);
      this.memory.set(key, {visits: (known?.visits ?? 0) + 1, bits});
    }
  }

  /** What the sender knows of a sequence: what comes along, nothing where it sends it whole after a meeting, or what is here. */
  private knownTo(
    visit: number,
    key: number,
    rest: Uint8Array,
    length: number,
  ): {known: Sample | null; used: number} {
    if ((visit & WITH_MEMORY) !== 0) {
      const used = 2 * length;
      const visits = visit & ~WITH_MEMORY;
      if (visits === 0 || rest.byteLength < used) {
        throw new Error(
          `codec '${NAME}': ${rest.byteLength} bytes arrived with a memory of visit ${visits}, expected ${used} or more ` +
            'and a visit of 1 or more: they were cut off',
        );
      }
      return {known: {visits, bits: bitsOf(rest.subarray(0, used))}, used};
    }
    const isReplaced = visit === 0 && this.unsure.has(key);
    return {known: isReplaced ? null : this.memory.get(key, length), used: 0};
  }

  /** What both ends have after a change, in the bits of the memory. */
  private changed(before: Float32Array, change: Uint8Array, row: readonly number[]): Uint16Array {
    const by = this.changes.unpack(change, row);
    const after = before.map((value, k) => value + by[k]);
    return bitsOf(bfloat16Codec.pack(after, row));
  }

  /** Keys of the sequences, and the shape of each. */
  private rowsOf(shape: readonly number[], {keys}: Crossing) {
    const [rows, ...row] = shape;
    if (keys == null || keys.length !== rows || row.length === 0) {
      throw new Error(
        `codec '${NAME}': shape [${shape.join(', ')}] crosses with ${keys?.length ?? 'no'} keys, ` +
          'expected [sequences, tokens, values] and a key for each sequence',
      );
    }
    return {keys, row};
  }
}

/** How the byte of visits says what an end knows of a sequence. */
function mark(known: Sample | null): number {
  return known == null ? 0 : 1 + ((known.visits - 1) % 127);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, n) => size * n, 1);
}

function bitsOf(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.slice().buffer);
}

function bytesOf(bits: Uint16Array): Uint8Array {
  return new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
}

function valuesOf(bits: Uint16Array): Float32Array {
  return bfloat16Codec.unpack(bytesOf(bits), [bits.length]);
}

function joined(pieces: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, {byteLength}) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
