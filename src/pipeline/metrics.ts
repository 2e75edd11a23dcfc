/** What a stage reports of a step, and the bill of the bytes it sends. */
import type {Channel} from './transport/index.js';
import {frameSize, type EncodableFrame} from './wire/index.js';

/** Bytes that a stage sent to one neighbour. `payload + overhead + line` is exactly what its channel counted. */
export interface LegBytes {
  /** Activations or `z`, and whatever else their codec sends. */
  activations: number;
  /** Token ids, and the keys of sequences where a codec needs them. */
  ids: number;
  /** Gradients of activations or of `z`, and whatever else their codec sends. */
  gradients: number;
  /** New projectors (forward) or halves of projector gradients (backward), once a step. */
  projectors: number;
  /** The sum of the above: the bytes of tensors. */
  payload: number;
  /** Headers, and all of the frames that carry norms and losses. */
  overhead: number;
  /** What the channel sent by itself: credit, heartbeats. */
  line: number;
}

/** What a stage reports of one step. */
export interface StepMetrics {
  /** The step, counted from 1. */
  step: number;
  stage: number;
  /** Mean loss over all tokens of the step, in nats; the same on all stages. */
  loss: number;
  /** Norm of all gradients of all stages before clipping; the same on all stages. */
  gradNorm: number;
  /** Tokens of the step; the same on all stages. */
  tokens: number;
  /** Wall time, waiting included. */
  seconds: number;
  /** Time in which the stage waited for a neighbour. */
  waitSeconds: number;
  /** To the next stage. */
  forward: LegBytes;
  /** To the previous stage. */
  backward: LegBytes;
  /** Most microbatches between their forward and their backward. */
  peakInFlight: number;
  /** Most bytes held for backward passes at once, weights not counted. */
  peakHeldBytes: number;
  /** Most bytes of tensors in this process, as tfjs counts them: tensors that share a buffer count each. */
  peakBytes: number;
  /** Tensors in this process after the step. */
  numTensors: number;
}

type Kind = 'activations' | 'ids' | 'gradients' | 'projectors';

/** What a tensor is billed as. Codecs name the tensors of their legs as they like. */
function kindOf({type}: EncodableFrame, name: string): Kind {
  if (name === 'ids' || name === 'keys') {
    return 'ids';
  }
  if (name.startsWith('projector')) {
    return 'projectors';
  }
  return type === 'gradient' ? 'gradients' : 'activations';
}

/** Adds up the frames sent over one channel between two calls of `close`. */
export class LegBill {
  private counted: number;
  private legs = emptyLeg();

  constructor(private readonly channel: Channel | null) {
    this.counted = channel?.stats().bytesOut ?? 0;
  }

  /** Bills a frame that was sent. */
  add(frame: EncodableFrame): void {
    const {header, payload} = frameSize(frame);
    for (const {name, bytes} of frame.tensors ?? []) {
      this.legs[kindOf(frame, name)] += bytes.byteLength;
    }
    this.legs.payload += payload;
    this.legs.overhead += header;
  }

  /** The bill since the last one. */
  close(): LegBytes {
    const legs = this.legs;
    const now = this.channel?.stats().bytesOut ?? 0;
    legs.line = now - this.counted - legs.payload - legs.overhead;
    this.counted = now;
    this.legs = emptyLeg();
    return legs;
  }
}

function emptyLeg(): LegBytes {
  return {
    activations: 0,
    ids: 0,
    gradients: 0,
    projectors: 0,
    payload: 0,
    overhead: 0,
    line: 0,
  };
}
