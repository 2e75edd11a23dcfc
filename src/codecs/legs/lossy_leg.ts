/** Legs that pack values one tensor at a time: rounding by chance and the feedback of errors are the same for all of them. */
import * as tf from '@tensorflow/tfjs-core';
import {crossingUniform, NEAREST, type Uniform} from '../crossing_random.js';
import {ErrorFeedback} from '../error_feedback.js';
import {checkArrived, takeFinite, whatCrosses} from '../finite.js';
import type {Leg, LegContext, LegReceiver, LegSender} from '../leg.js';
import {legTensor, legTensorName, oneLegTensor} from '../leg_tensor.js';

/** How values become bytes. */
export interface LossyFormat {
  /** Exactly how many bytes `pack` makes. */
  byteLength(shape: readonly number[]): number;
  /** Bytes of finite values; random rounding draws from `uniform`. */
  pack(values: Float32Array, shape: readonly number[], uniform: Uniform): Uint8Array;
  /** Values of as many bytes as `byteLength` says. Throws if they are not what `pack` makes. */
  unpack(bytes: Uint8Array, shape: readonly number[]): Float32Array;
}

/** What a lossy leg is made of. */
export interface LossyLegArgs {
  codec: string;
  settings: Leg['settings'];
  bytesPerToken(width: number): number;
  format: LossyFormat;
  /** Round by chance in training, without bias; to nearest otherwise. */
  stochastic?: boolean;
  /** Add what one step lost of a microbatch to the same microbatch of the next. */
  errorFeedback?: boolean;
}

/** Makes the leg. Its gradient is straight-through. */
export function lossyLeg(args: LossyLegArgs): Leg {
  const {settings, bytesPerToken, format} = args;
  return {
    settings,
    bytesPerToken,
    byteLength: (shape) => format.byteLength(shape),
    sender: (context) => lossySender(args, context),
    receiver: (context) => lossyReceiver(args, context),
  };
}

function lossySender(args: LossyLegArgs, context: LegContext): LegSender {
  const {codec, format, stochastic = false} = args;
  const feedback = args.errorFeedback === true ? new ErrorFeedback(codec) : null;
  return {
    async pack(x, at) {
      const {shape} = x;
      const read = await takeFinite(x, whatCrosses(context));
      const uniform = stochastic && at.training ? crossingUniform(context, at) : NEAREST;
      const values = at.training ? (feedback?.add(read, shape, at.microbatch) ?? read) : read;
      const bytes = format.pack(values, shape, uniform);
      if (at.training) {
        feedback?.keep(values, format.unpack(bytes, shape), shape, at.microbatch);
      }
      return [legTensor(codec, context, shape, bytes)];
    },
    ...(feedback == null
      ? {}
      : {state: async () => feedback.state(), setState: (state) => feedback.setState(state)}),
  };
}

function lossyReceiver({codec, format}: LossyLegArgs, context: LegContext): LegReceiver {
  return {
    async unpack(tensors) {
      const {bytes, shape} = oneLegTensor(codec, context, tensors);
      const expected = format.byteLength(shape);
      if (bytes.byteLength !== expected) {
        throw new Error(
          `codec '${codec}': '${legTensorName(context)}' of shape [${shape.join(', ')}] came in ` +
            `${bytes.byteLength} bytes, expected ${expected}: cut off, or packed with other options`,
        );
      }
      const values = format.unpack(bytes, shape);
      checkArrived(codec, values, shape);
      return tf.tensor(values, [...shape], 'float32');
    },
  };
}
