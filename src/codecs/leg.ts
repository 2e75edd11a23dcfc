/**
 * A leg is one direction of one boundary: the forward leg carries activations (or `z`), the backward leg their gradients.
 * A leg codec turns what crosses into packed tensors on one end and back on the other, and may keep state on both.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type {BoundaryHalf} from '../layers/index.js';
import type {FrameTensor, JsonValue} from '../pipeline/wire/index.js';

/** Which tensor crosses. Random numbers are drawn from it, so that a repeated or resumed run gives the same bits. */
export interface Crossing {
  /** Optimizer step, from 0. */
  step: number;
  /** Microbatch of the step, from 0; forwards cross in this order on both ends, whatever the schedule. */
  microbatch: number;
  /** `false` for an evaluation: no state may change. */
  training: boolean;
  /** Of a leg that is `keyed`: a number for each sequence of the microbatch, the same whenever the same sequence comes again. */
  keys?: readonly number[];
}

/** Tensors of a codec's state by name, for checkpoints. */
export type LegState = Record<
  string,
  {dtype: 'float32' | 'int32'; shape: number[]; values: Float32Array | Int32Array}
>;

/** What both ends of a leg have. */
export interface LegEnd {
  /** State that a resumed run needs; `{}` or absent without state. */
  state?(): Promise<LegState>;
  /** Takes back what `state` gave. Throws, naming the entry, if it does not fit. */
  setState?(state: LegState): void;
  /**
   * Called on both ends when the two stages have shaken hands: before the first crossing, and again after a checkpoint was loaded
   * or a stage came back as another process. What the other end is relied on to have has to be sent anew.
   */
  meet?(): void;
  /** Called on both ends once per optimizer step, after all its microbatches. */
  endStep?(step: number): Promise<void>;
  /** Measurements by name, for metrics and reports, such as the share of codes in use. Changes nothing. */
  measure?(): Promise<Record<string, number>>;
  /** Frees all tensors. */
  dispose?(): void;
}

/** The end that sends. */
export interface LegSender extends LegEnd {
  /**
   * Packs a float32 tensor, which it frees. Names of the packed tensors are free but for `ids`, `keys` and those that begin with
   * `projector`. Throws, naming the position, where a value is not finite.
   */
  pack(x: tf.Tensor, at: Crossing): Promise<FrameTensor[]>;
  /**
   * Gradient of what was packed, from the gradient of what the other end unpacked, which it frees. Absent: straight-through.
   * Called at most once per crossing, in the order of the backwards.
   */
  backward?(dy: tf.Tensor, at: Crossing): tf.Tensor;
}

/** The end that receives. */
export interface LegReceiver extends LegEnd {
  /** The tensor that arrives. The caller frees it. Throws if the packed tensors are not what the sender makes. */
  unpack(tensors: readonly FrameTensor[], at: Crossing): Promise<tf.Tensor>;
}

/** What a leg is made for. */
export interface LegContext {
  /** Boundary number: that of its sending stage. */
  boundary: number;
  direction: 'forward' | 'backward';
  /** Values a token that cross before packing: `d`, or `r` behind a projection; 0 where the model leaves it open. */
  width: number;
  /** Seed of the run. */
  seed: number;
  /** Microbatches of a step; absent where that is not known, as outside of a pipeline. */
  microbatches?: number;
  /** This stage's half of the boundary; null where a plain activation crosses. */
  half: BoundaryHalf | null;
}

/** A codec with its options filled in. */
export interface Leg {
  /** Everything both ends must agree on besides name and version; compared by value in the handshake. */
  readonly settings: Record<string, JsonValue>;
  /** Bytes of a token in the long run (without what is sent once a step). */
  bytesPerToken(width: number): number;
  /** Exactly how many bytes `pack` makes of a tensor of that shape; absent where that depends on more than the shape. */
  byteLength?(shape: readonly number[]): number;
  /** Whether crossings need `keys`. */
  readonly keyed?: boolean;
  /** First optimizer steps in which values cross in another form than later; absent: none. */
  readonly warmupSteps?: number;
  sender(context: LegContext): LegSender;
  receiver(context: LegContext): LegReceiver;
}

/** What `registerLegCodec` takes: one file a codec. */
export interface LegCodec {
  /** Name in configs, handshakes and checkpoints. */
  readonly name: string;
  /** Raised whenever the bytes of the same values change. */
  readonly version: number;
  /** Checks options and fills in defaults. Throws naming the option, its value and what was expected. */
  create(options?: Record<string, unknown>): Leg;
}

/** A leg codec by name, with options: `{codec: 'int8', stochastic: true}`. */
export type LegSpec = {codec: string} & Record<string, unknown>;
