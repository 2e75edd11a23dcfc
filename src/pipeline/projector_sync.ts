/** Keeps the projector of a boundary the same on both of its stages (method section 4: both halves of its gradient). */
import * as tf from '@tensorflow/tfjs-core';
import {float32Codec, type FloatCodec} from '../codecs/index.js';
import type {Stage} from './stage.js';
import {trainedProjector, variableOf} from './stage_compute.js';
import {packTensor, unpackTensor, unpackValues} from './tensor_frames.js';
import {frameTensor, type DataFrame, type FrameTensor} from './wire/index.js';

/**
 * The sending stage owns the float32 master of a projector; both stages multiply by a copy rounded to the dtype of the wire. The
 * gradient of the sender's copy and that of the receiver's copy, which is sent up once a step, together are the master's.
 */
export class ProjectorSync {
  constructor(
    private readonly stage: Stage,
    private readonly codec: FloatCodec,
  ) {}

  /** Whether the outgoing projector is updated, and sent, in every step. */
  get sends(): boolean {
    return trainedProjector(this.stage.encoder) != null;
  }

  /** Whether the incoming projector is received in every step. */
  get receives(): boolean {
    return trainedProjector(this.stage.decoder) != null;
  }

  /**
   * Packs the master of the outgoing projector, and makes this end use what the other will unpack. One that is never trained
   * crosses once in a run, so it can cross unrounded: what is orthonormal stays so (SSN's boundaries lose nothing).
   */
  async pack(): Promise<FrameTensor> {
    const encoder = this.stage.encoder!;
    const master = encoder.boundary.projector.read().clone();
    const codec = this.sends ? this.codec : float32Codec;
    const packed = await packTensor(codec, 'projector', master, 'the projector');
    encoder.setWireProjector(unpackValues(packed));
    return packed;
  }

  /** Takes the projector of the stage before. */
  unpack(frame: DataFrame): void {
    this.stage.decoder!.setWireProjector(unpackValues(frameTensor(frame, 'projector')));
  }

  /**
   * Replaces the gradients of the wire copies: the sender's half and the one received from the next stage become the master's
   * gradient; the half of this stage as a receiver is packed, to be sent to the stage before.
   *
   * @param received Tensors that came from the next stage.
   * @returns The packed half, or null where the incoming projector is not trained.
   */
  async reduce(
    gradients: tf.NamedTensorMap,
    received: readonly FrameTensor[],
  ): Promise<FrameTensor | null> {
    const encoder = trainedProjector(this.stage.encoder);
    if (encoder != null) {
      const half = received.find(({name}) => name === 'projector_gradient');
      if (half == null) {
        throw new Error(`stage ${this.stage.index + 1} sent no half of the projector's gradient`);
      }
      const wire = variableOf(encoder.wireProjector).name;
      const {name} = variableOf(encoder.boundary.projector);
      gradients[name] = tf.tidy(() => tf.add(gradients[wire], unpackTensor(half)));
      gradients[wire].dispose();
      delete gradients[wire];
    }
    const decoder = trainedProjector(this.stage.decoder);
    if (decoder == null) {
      return null;
    }
    const wire = variableOf(decoder.wireProjector).name;
    const own = gradients[wire];
    delete gradients[wire];
    return packTensor(this.codec, 'projector_gradient', own, "the projector's gradient");
  }
}
