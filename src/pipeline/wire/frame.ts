/** What crosses between two stages: one frame is one message with its tensors. */

import {checkMembers, checkText} from '../../ops/check_values.js';

/** Anything that JSON can say. Numbers must be finite: JSON has no NaN and no infinity. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | {readonly [key: string]: JsonValue | undefined};

/** Types that a user of a channel sends and receives. */
export const DATA_FRAME_TYPES = [
  'activation',
  'gradient',
  'reduce',
  'commit',
  'control',
  'abort',
] as const;

/** One of {@link DATA_FRAME_TYPES}. */
export type DataFrameType = (typeof DATA_FRAME_TYPES)[number];

/** Types that a channel sends and consumes by itself. */
export type ChannelFrameType = 'hello' | 'refuse' | 'credit' | 'heartbeat' | 'close';

export type FrameType = DataFrameType | ChannelFrameType;

/** One packed tensor: `bytes` is what the codec `codec` made of values of `dtype` and `shape`. */
export interface FrameTensor {
  readonly name: string;
  readonly codec: string;
  /** The dtype on either side of the codec, not that on the wire. */
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** What a sender fills in; the channel adds `epoch` and `seq`. Everything but `type` is optional. */
export interface OutgoingFrame<Type extends FrameType = FrameType> {
  readonly type: Type;
  /** Optimizer step that the frame belongs to, an unsigned 32-bit integer. Default 0. */
  readonly step?: number;
  /** Microbatch within the step; -1 (the default) where none is meant. */
  readonly microbatch?: number;
  /** Stage that sends; -1 (the default) where none is meant. */
  readonly stage?: number;
  /** The payload, which is what the compression tables bill. */
  readonly tensors?: readonly FrameTensor[];
  /** Whatever else is to be said, as JSON. It is billed as overhead. */
  readonly message?: JsonValue;
}

/** A frame as received. `tensors[i].bytes` are views of one buffer that belongs to the receiver. */
export interface Frame {
  readonly type: FrameType;
  /** Incarnation of the run that the sender belongs to. */
  readonly epoch: number;
  /** Number of the frame among the data frames of its channel and direction, from 0. */
  readonly seq: number;
  readonly step: number;
  readonly microbatch: number;
  readonly stage: number;
  readonly tensors: readonly FrameTensor[];
  readonly message?: JsonValue;
}

/** A frame that a user of a channel receives: those of the channel itself never come through. */
export type DataFrame = Frame & {readonly type: DataFrameType};

/** Whether a frame is for the user of a channel. */
export function isDataFrame(frame: Frame): frame is DataFrame {
  return (DATA_FRAME_TYPES as readonly string[]).includes(frame.type);
}

/** The tensor of that name, or an error that lists the names there are. */
export function frameTensor(frame: Frame, name: string): FrameTensor {
  checkMembers('frameTensor', 'frame', frame, ['type', 'tensors'], 'a frame that was received');
  checkText('frameTensor', 'name', name, 'the name of a tensor');
  const found = frame.tensors.find((tensor) => tensor.name === name);
  if (found == null) {
    const names = frame.tensors.map((tensor) => tensor.name).join(', ') || 'none';
    throw new Error(
      `frameTensor: a frame of type '${frame.type}' (step ${frame.step}, microbatch ` +
        `${frame.microbatch}) has no tensor '${name}'; it has: ${names}.`,
    );
  }
  return found;
}
